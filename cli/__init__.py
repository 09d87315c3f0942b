"""The `grocery` command: prepares a machine, drives the engine that applies the program, and looks at what runs."""
