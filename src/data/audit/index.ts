// Audit and review: whom a filter drops, and whether it is right.
export {};
