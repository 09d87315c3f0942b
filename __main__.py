"""The stack's settings in, one GroceryList out, its addresses exported."""

from pathlib import Path

import pulumi
import pulumi_random as random
import pulumi_tls as tls

from components.capacity import CapacityError
from components.grocery_list import GroceryList
from components.secrets import External
from components.targets.existing import existing_hosts
from settings import SettingsError, check_stack_name, load, required_secrets, resolve_images


def main() -> None:
    """Read the configuration of this stack and declare it."""
    settings = load(pulumi.Config().get("settings"))
    name = check_stack_name(pulumi.get_stack())
    providers = {
        "docker": existing_hosts(settings.target),
        "random": random.Provider("random"),
        "tls": tls.Provider("tls"),
    }
    stack = GroceryList(
        name,
        settings=settings,
        external=External(stack=name, names=required_secrets(settings)),
        images=resolve_images(settings, Path(__file__).parent),
        opts=pulumi.ResourceOptions(providers=providers),
    )
    for output, value in stack.outputs.items():
        pulumi.export(output, value)


try:
    main()
except (SettingsError, CapacityError) as refusal:
    raise pulumi.RunError(str(refusal)) from None
