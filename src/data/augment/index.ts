// Augmentation: more examples from those that are there.
export {};
