/** Where a shop keeps things, in the order in which most shops are walked through. */
export const categories = [
  { key: "produce", label: "Fruit and vegetables" },
  { key: "bakery", label: "Bakery" },
  { key: "dairy", label: "Milk, cheese and eggs" },
  { key: "meat", label: "Meat" },
  { key: "fish", label: "Fish" },
  { key: "deli", label: "Delicatessen" },
  { key: "frozen", label: "Frozen" },
  { key: "pantry", label: "Pantry" },
  { key: "spices", label: "Spices and sauces" },
  { key: "sweets", label: "Sweets and snacks" },
  { key: "drinks", label: "Drinks" },
  { key: "household", label: "Household" },
  { key: "hygiene", label: "Body and health" },
  { key: "baby", label: "Baby" },
  { key: "pets", label: "Pets" },
  { key: "other", label: "Other" },
] as const;

export type CategoryKey = (typeof categories)[number]["key"];

// Singular, lower case. More words are more exact ("peanut butter" is no butter), so the longest that fits decides, and
// of equally long ones the one that comes last in the name: "tomato juice" is a drink, "orange chocolate" a sweet.
const words: Readonly<Record<Exclude<CategoryKey, "other">, string>> = {
  produce:
    "apple, apricot, artichoke, arugula, asparagus, aubergine, avocado, banana, basil, bean sprout, beetroot, beet, " +
    "bell pepper, berry, blackberry, blueberry, broccoli, brussels sprout, butternut squash, cabbage, carrot, " +
    "cauliflower, celery, chard, cherry, chives, chicory, clementine, coriander, corn on the cob, courgette, cranberry, " +
    "cucumber, dill, eggplant, endive, fennel, fig, fresh herb, fruit, garlic, ginger, grape, grapefruit, green bean, " +
    "herb, kale, kiwi, kohlrabi, leek, lemon, lettuce, lime, mandarin, mango, melon, mint, mushroom, nectarine, onion, " +
    "orange, papaya, parsley, parsnip, passion fruit, pea, peach, pear, pepper, persimmon, pineapple, plum, pomegranate, " +
    "potato, pumpkin, radish, raspberry, rhubarb, rocket, rosemary, salad, satsuma, scallion, shallot, spinach, " +
    "spring onion, squash, strawberry, sweet potato, tangerine, thyme, tomato, turnip, vegetable, watercress, " +
    "watermelon, zucchini",
  bakery:
    "bagel, baguette, bread, brioche, bread roll, bun, burger bun, hot dog bun, cake, ciabatta, croissant, crumpet, doughnut, donut, " +
    "flatbread, focaccia, loaf, muffin, naan, pastry, pie, pita, pitta, pretzel, roll, rye bread, scone, sourdough, " +
    "toast, tortilla, wrap",
  dairy:
    "brie, butter, buttermilk, camembert, cheddar, cheese, cottage cheese, cream, cream cheese, creme fraiche, custard, " +
    "egg, feta, gouda, halloumi, kefir, margarine, mascarpone, milk, mozzarella, oat milk, almond milk, soy milk, " +
    "coconut yogurt, parmesan, quark, ricotta, skyr, sour cream, whipped cream, yoghurt, yogurt",
  meat:
    "bacon, beef, burger, chicken, chop, drumstick, duck, goose, ground beef, hot dog, lamb, liver, meat, meatball, mince, " +
    "minced meat, pork, rib, sausage, schnitzel, steak, turkey, veal, venison",
  fish:
    "anchovy, cod, crab, fish, haddock, halibut, herring, lobster, mackerel, mussel, oyster, prawn, salmon, sardine, " +
    "scallop, sea bass, seafood, shrimp, smoked salmon, squid, trout, tuna steak",
  deli:
    "antipasti, chorizo, cold cut, coleslaw, falafel, ham, hummus, houmous, mortadella, olive, pate, pesto, prosciutto, " +
    "salami, seitan, tempeh, tofu, tzatziki, fresh pasta",
  frozen:
    "chicken nugget, fish finger, frozen berry, frozen chip, oven chip, frozen fruit, frozen pea, frozen pizza, frozen vegetable, frozen, ice, ice cream, " +
    "ice cube, ice lolly, pizza, puff pastry, sorbet",
  pantry:
    "almond, baking powder, baking soda, bean, black bean, breadcrumb, broth, bulgur, canned tomato, tinned tomato, " +
    "cashew, cereal, chia seed, chickpea, chopped tomato, coconut milk, cornflake, cornflour, cornstarch, couscous, " +
    "cracker, crispbread, dried fruit, flour, gnocchi, granola, hazelnut, honey, instant noodle, jam, kidney bean, " +
    "lasagne, lentil, macaroni, maple syrup, marmalade, muesli, noodle, nut, oat, oatmeal, pasta, passata, peanut, " +
    "peanut butter, penne, pine nut, polenta, popcorn kernel, porridge, quinoa, raisin, rice, risotto rice, rusk, seed, " +
    "semolina, soup, spaghetti, stock, stock cube, sugar, sunflower seed, sweetcorn, syrup, tin of bean, baked bean, " +
    "tomato paste, tomato puree, tuna, vanilla sugar, walnut, yeast",
  spices:
    "balsamic vinegar, bay leaf, bbq sauce, black pepper, chili, chilli, chili flake, chilli flake, cinnamon, clove, " +
    "cumin, curry, curry paste, curry powder, dressing, garlic powder, gravy, herbs de provence, hot sauce, ketchup, " +
    "mayo, mayonnaise, mustard, nutmeg, oil, olive oil, oregano, paprika, ground pepper, peppercorn, salt, sauce, " +
    "sesame oil, soy sauce, spice, sriracha, sunflower oil, tabasco, tahini, tomato sauce, turmeric, vanilla, vinegar, " +
    "wasabi, worcestershire sauce",
  sweets:
    "biscuit, brownie, candy, cereal bar, chewing gum, chip, chocolate, chocolate bar, cookie, crisp, gum, gummy bear, " +
    "jelly, liquorice, lollipop, marshmallow, marzipan, nutella, popcorn, pretzel stick, salted nut, snack, sweet, toffee, " +
    "wafer",
  drinks:
    "ale, apple juice, beer, champagne, cider, cocoa, coffee, coffee bean, coke, cola, cordial, energy drink, espresso, " +
    "gin, iced tea, juice, lemonade, mineral water, orange juice, prosecco, red wine, rum, sherry, smoothie, soda, " +
    "sparkling water, squash drink, tea, tea bag, tomato juice, tonic, tonic water, vodka, water, whiskey, whisky, " +
    "white wine, wine",
  household:
    "aluminium foil, aluminum foil, baking paper, battery, bin bag, bin liner, bleach, broom, candle, cleaner, cling film, " +
    "cloth, coffee filter, descaler, detergent, dish soap, dishwasher salt, dishwasher tab, dishwasher tablet, " +
    "fabric softener, flower, foil, freezer bag, garbage bag, glue, kitchen roll, kitchen towel, laundry detergent, " +
    "light bulb, lightbulb, lighter, match, napkin, paper towel, parchment paper, rubber glove, scourer, serviette, " +
    "sponge, tape, tin foil, toilet cleaner, trash bag, washing powder, washing up liquid, washing-up liquid",
  hygiene:
    "aftershave, bandage, body lotion, conditioner, cotton bud, cotton pad, cotton wool, deodorant, face cream, " +
    "facial tissue, floss, hair gel, hairspray, hand cream, hand soap, ibuprofen, lip balm, lotion, make-up remover, " +
    "mouthwash, painkiller, paracetamol, plaster, razor, razor blade, sanitary towel, shampoo, shaving foam, shower gel, " +
    "soap, sun cream, sunscreen, sunblock, tampon, tissue, toilet paper, toilet roll, toothbrush, toothpaste, vitamin",
  baby: "baby, baby food, baby formula, baby milk, baby wipe, diaper, formula milk, nappy, pacifier, wet wipe",
  pets: "bird seed, birdseed, cat, cat food, cat litter, dog, dog biscuit, dog food, dog treat, hay, litter, pet food",
};

const known: ReadonlyMap<string, CategoryKey> = new Map(
  Object.entries(words).flatMap(([key, list]) => list.split(", ").map((word) => [word, key as CategoryKey] as const)),
);
const longest = Math.max(...[...known.keys()].map((word) => word.split(" ").length));

/** The singular forms that an English word may be the plural of, itself first. */
function singulars(word: string): string[] {
  const forms = [word];
  if (word.endsWith("ies")) forms.push(`${word.slice(0, -3)}y`);
  if (word.endsWith("ves")) forms.push(`${word.slice(0, -3)}f`);
  if (word.endsWith("es")) forms.push(word.slice(0, -2));
  if (word.endsWith("s")) forms.push(word.slice(0, -1));
  return forms;
}

/** The category of an item by its English name; "" when no word of it is known. */
export function guessCategory(name: string): CategoryKey | "" {
  const parts = name
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .split(/[^a-z0-9-]+/)
    .filter(Boolean);
  for (let length = Math.min(longest, parts.length); length > 0; length -= 1)
    for (let end = parts.length; end >= length; end -= 1) {
      const start = parts.slice(end - length, end - 1);
      for (const last of singulars(parts[end - 1] ?? "")) {
        const found = known.get([...start, last].join(" "));
        if (found) return found;
      }
    }
  return "";
}
