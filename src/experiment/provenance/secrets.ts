/** What stands where a secret was. */
export const removedSecret = '[removed-secret]';

/** A text without its secrets, and how many were taken out. */
export interface Filtered {
  readonly text: string;
  readonly removed: number;
}

interface Rule {
  readonly pattern: RegExp;
  /** The part of a match that is the secret; the whole if not given. */
  readonly secret?: (match: readonly string[]) => string | undefined;
}

// Tokens that can be told by their own shape, as their issuers publish it for scanners.
const shapes: readonly RegExp[] = [
  /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/gu, // AWS access key id
  /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})/gu, // GitHub
  /\bglpat-[\w-]{20,}/gu, // GitLab
  /\b(?:hf|api_org)_[A-Za-z0-9]{30,}/gu, // Hugging Face
  /\bsk-[A-Za-z0-9_-]{20,}/gu, // model providers
  /\bxox[a-z]-[A-Za-z0-9-]{10,}/gu, // Slack
  /\bAIza[\w-]{35}/gu, // Google
  /\bnpm_[A-Za-z0-9]{36}/gu,
  /\bpypi-[\w-]{16,}/gu,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/gu, // Stripe
  /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5,}/gu, // JSON Web Token
];

/** Words after which a value is secret whatever it looks like. */
const secretWord = 'password|passwd|passphrase|secret|credentials?';
/** Words with many other meanings here (a key of random numbers, a token of a text): the value must look like a secret too. */
const doubtfulWord = 'token|key|auth';

/** A value that no word of a language looks like: 16 characters or more without a space, with letters and digits. */
const looksSecret = (value: string): boolean =>
  value.length >= 16 && /^[\w+/=.~:-]+$/u.test(value) && /\d/u.test(value) && /[A-Za-z]/u.test(value);

/** Between a name and its value in quotes. */
const assigned = '["\'`]?\\s{0,9}(?::|={1,3}>?|:=)\\s{0,9}';
/** What a patch and a shell may write before a name, and what stands between a name and its value without quotes. */
const lineStart = '^[+\\- ]?[ \\t]{0,40}(?:export[ \\t]+)?';
const unquoted = '[ \\t]{0,9}[:=][ \\t]{0,9}([^\\s"\'`,;(){}[\\]]';

const typeNames = /^(?:string|number|boolean|unknown|undefined|null|true|false|any)\b/u;

const rules: readonly Rule[] = [
  ...shapes.map((pattern) => ({ pattern })),
  // scheme://user:password@host, https://token@host; not ssh://git@host
  {
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/([^\s/@'"`]{1,400})@/giu,
    secret: ([whole = '', user = '']) =>
      !user.includes('${') && (user.includes(':') || /^https?:/iu.test(whole)) ? user : undefined,
  },
  // ?access_token=…&
  {
    pattern: /[?&](?:[\w-]{0,30}(?:token|key|secret|password|signature)|sig)=([^\s&'"`#]{6,})/giu,
    secret: ([, value]) => value,
  },
  { pattern: /\b(?:Bearer|Basic)\s+([A-Za-z0-9+/=._~-]{12,})/gu, secret: ([, value]) => value },
  // password: 'x', "client_secret": "x", PASSWORD="x"
  {
    pattern: new RegExp(`(?:${secretWord})[\\w-]{0,20}${assigned}(["'\`])([^\\n]{1,400}?)\\1`, 'giu'),
    secret: ([, , value = '']) => (/^\$\{[^}]*\}$/u.test(value) ? undefined : value),
  },
  {
    pattern: new RegExp(`(?:${doubtfulWord})${assigned}(["'\`])([^\\s"'\`]{16,400})\\1`, 'giu'),
    secret: ([, , value = '']) => (looksSecret(value) ? value : undefined),
  },
  // Without quotes, a whole line: PASSWORD=x of a .env file, password: x of YAML.
  {
    pattern: new RegExp(`${lineStart}[\\w.-]{0,40}(?:${secretWord})[\\w-]{0,20}${unquoted}{4,400})[ \\t]*$`, 'gimu'),
    secret: ([, value = '']) => (typeNames.test(value) ? undefined : value),
  },
  {
    pattern: new RegExp(
      `${lineStart}(?:[A-Z][A-Z0-9_]{0,60}(?:TOKEN|KEY|AUTH)|` +
        `[\\w-]{0,30}(?:[Aa]pi|[Aa]ccess|[Aa]uth|[Ss]ecret|[Pp]rivate|[Rr]efresh)[_-]?(?:[Kk]ey|[Tt]oken))${unquoted}{8,400})[ \\t]*$`,
      'gmu',
    ),
    secret: ([, value = '']) => (typeNames.test(value) ? undefined : value),
  },
];

/**
 * A text (of a patch, a log, an environment) without what looks like a secret: tokens of known shapes, values beside names
 * such as `password` and `apiKey`, credentials in URLs, private keys. Lines stay lines, so that a patch stays a patch. In
 * doubt it is taken out; what has no shape and no telling name cannot be found.
 *
 * @example
 * filterSecrets("password = 'hunter2'"); // { text: "password = '[removed-secret]'", removed: 1 }
 */
export function filterSecrets(text: string): Filtered {
  let removed = 0;
  let filtered = withoutPrivateKeys(text, () => removed++);
  for (const { pattern, secret } of rules) {
    filtered = filtered.replace(pattern, (...match: string[]) => {
      const [whole = ''] = match;
      const found = secret === undefined ? whole : secret(match);
      if (found === undefined || found.includes(removedSecret)) return whole;
      removed++;
      // The last occurrence: the name before it may be the same word.
      const at = whole.lastIndexOf(found);
      return whole.slice(0, at) + removedSecret + whole.slice(at + found.length);
    });
  }
  return { text: filtered, removed };
}

/** The lines between BEGIN and END of a private key (PEM) are emptied, but for what a patch writes before a line. */
function withoutPrivateKeys(text: string, note: () => void): string {
  if (!text.includes('PRIVATE KEY')) return text;
  let inside = false;
  let noted = false;
  const emptied = (kept: string, rest: string): string => {
    if (rest.trim() === '' || rest.includes(removedSecret)) return kept + rest;
    if (!noted) note();
    noted = true;
    return kept + removedSecret;
  };
  const lines = text.split('\n').map((line) => {
    const begin = /^(.*-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----)(.*)$/u.exec(line);
    if (begin !== null) {
      const [, kept = '', rest = ''] = begin;
      inside = !rest.includes('-----END ');
      noted = false;
      return emptied(kept, rest);
    }
    // A header of the next file ends a key that was cut off.
    if (/-----END [A-Z0-9 ]{0,40}PRIVATE KEY/u.test(line) || /^(?:diff --git |@@ )/u.test(line)) inside = false;
    else if (inside) return emptied(...split(line));
    return line;
  });
  return lines.join('\n');
}

/** What a patch writes before a line, and the line. */
function split(line: string): [sign: string, rest: string] {
  const sign = /^[+\- ]/u.exec(line)?.[0] ?? '';
  return [sign, line.slice(sign.length)];
}

const secretName = /token|passw|passphrase|secret|key|credential|auth|cookie/iu;

/**
 * Environment variables without secrets: those whose names tell of one have no value, the others are filtered as texts.
 *
 * @example
 * filterVariables({ HF_TOKEN: 'hf_…', OMP_NUM_THREADS: '2' }).variables; // { HF_TOKEN: '[removed-secret]', OMP_NUM_THREADS: '2' }
 */
export function filterVariables(variables: Readonly<Record<string, string>>): {
  readonly variables: Readonly<Record<string, string>>;
  readonly removed: number;
} {
  let removed = 0;
  const entries = Object.entries(variables).map(([name, value]): [string, string] => {
    const found = secretName.test(name) && value !== '' ? { text: removedSecret, removed: 1 } : filterSecrets(value);
    removed += found.removed;
    return [name, found.text];
  });
  return { variables: Object.fromEntries(entries), removed };
}
