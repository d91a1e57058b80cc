// Perplexity: how well a language model expects a text.
export {};
