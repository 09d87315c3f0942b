export * from "./categories.ts";
export * from "./limits.ts";
export * from "./mutators.ts";
export * from "./positions.ts";
export * from "./queries.ts";
export * from "./schema.ts";
