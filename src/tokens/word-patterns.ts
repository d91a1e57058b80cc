/**
 * The words of published byte-level vocabularies, as patterns of Oniguruma (the form that tokenizer.json has them in). The groups:
 * contractions; letters with one sign before them; digits; signs with the line feeds after them; line feeds; spaces.
 */

/** Llama 3, GPT-4: digits in groups of up to three. */
export const llama3Words =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Qwen 1 to 3: each digit by itself. */
export const qwenWords =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
