/** The hashed files a page names, each once and in order: they tell one release from another. */
export const assetsOf = (html: string): string[] => [...new Set(html.match(/\/assets\/[\w.-]+/g))].sort();
