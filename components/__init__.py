"""The stack as Pulumi component resources, one noun a file; grocery_list composes them."""
