import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterSecrets, filterVariables, removedSecret } from '../../../src/experiment/provenance/secrets.js';

const alphabet = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789');
const text = (length: number, characters = alphabet): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...characters), { minLength: length, maxLength: length }).map((list) => list.join(''));
const upper = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789');

/** Texts with the secret in them, and the secret: made up, of the shapes that their issuers document. */
const kinds: Readonly<Record<string, fc.Arbitrary<readonly [line: string, secret: string]>>> = {
  'AWS access key id': text(16, upper).map((rest) => [`id = AKIA${rest}`, `AKIA${rest}`]),
  'AWS secret': text(40).map((secret) => [`AWS_SECRET_ACCESS_KEY=${secret}`, secret]),
  'GitHub token': text(36).map((rest) => [`fetch(url, 'ghp_${rest}')`, `ghp_${rest}`]),
  'fine GitHub token': text(82).map((rest) => [`use(github_pat_${rest})`, `github_pat_${rest}`]),
  'Hugging Face token': text(34).map((rest) => [`load('hf_${rest}')`, `hf_${rest}`]),
  'GitLab token': text(20).map((rest) => [`glpat-${rest}`, `glpat-${rest}`]),
  'API key': text(40).map((rest) => [`"sk-${rest}"`, `sk-${rest}`]),
  'password in quotes': text(7).map((secret) => [`const options = { password: '${secret}' };`, secret]),
  'password with spaces': text(5).map((secret) => [`db_password = "correct ${secret} staple"`, secret]),
  'password of an .env file': text(7).map((secret) => [`export DB_PASSWORD=${secret}`, secret]),
  'password in YAML': text(9).map((secret) => [`  password: ${secret}`, secret]),
  'token in quotes': text(32).map((secret) => [`const token = "a1${secret}";`, secret]),
  'client secret': text(12).map((secret) => [`"client_secret": "${secret}"`, secret]),
  'credentials in a URL': text(9).map((secret) => [`git clone https://me:${secret}@example.org/a.git`, secret]),
  'token as user in a URL': text(20).map((secret) => [`origin https://${secret}@example.org/a.git`, secret]),
  'token in a query': text(20).map((secret) => [`https://example.org/?a=1&access_token=${secret}&b=2`, secret]),
  'authorization header': text(24).map((secret) => [`curl -H 'Authorization: Bearer ${secret}'`, secret]),
  'private key': text(64).map((secret) => [
    `-----BEGIN RSA PRIVATE KEY-----\n+${secret}\n+-----END RSA PRIVATE KEY-----`,
    secret,
  ]),
};

describe('filterSecrets', () => {
  it.each(Object.entries(kinds))(
    'property: takes out a %s, wherever it stands, and keeps the lines',
    (_kind, lines) => {
      const around = fc.string({ unit: fc.constantFrom('a', ' ', 'b', '(', '\n', '+', '-'), maxLength: 30 });
      fc.assert(
        fc.property(lines, around, around, (sample, before, after) => {
          const [line, secret] = sample;
          const whole = `${before}\n+${line}\n ${after}`;
          const { text: found, removed } = filterSecrets(whole);
          expect(found).not.toContain(secret);
          expect(removed).toBeGreaterThan(0);
          expect(found.split('\n').map((each) => each.slice(0, 1))).toEqual(
            whole.split('\n').map((each) => each.slice(0, 1)),
          );
          // What was taken out once is not counted again.
          expect(filterSecrets(found)).toEqual({ text: found, removed: 0 });
        }),
        { numRuns: 100 },
      );
    },
  );

  it.each([
    "const eosToken = '<|endoftext|>';",
    'train({ maxTokens: 120, tokenizer, key: fold(key, "mix"), stopToken: 50256 });',
    "await loadTokenizer('smollm2-135m-instruct');",
    'interface Login { password: string; token: string | undefined }',
    'const password = readPassword();',
    'if (token === end) return tokens.map((token) => token.text);',
    'const key = options.model2.cacheName3',
    'git@github.com:someone/project.git',
    'ssh://git@example.org/project.git',
    'see https://example.org/@someone and mail a@example.org',
    'const url = `https://${user}:${password}@example.org`;',
    '@@ -1,3 +1,4 @@ export const secret = 1;',
  ])('leaves as it is: %s', (line) => {
    expect(filterSecrets(line)).toEqual({ text: line, removed: 0 });
  });

  it('is quick with long lines that look like much and are nothing', () => {
    const began = performance.now();
    for (const unit of ['a.b-c+', 'password', 'key=', 'x://', 'eyJ', '-----BEGIN ', "token='"]) {
      filterSecrets(unit.repeat(20_000));
    }
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('filterVariables', () => {
  it('empties variables whose names tell of a secret, and filters the others', () => {
    expect(
      filterVariables({
        TRAINBOOK_TOKEN: 'x',
        NODE_AUTH: '',
        TF_LIST: 'https://a:b@example.org',
        OMP_NUM_THREADS: '2',
      }),
    ).toEqual({
      variables: {
        TRAINBOOK_TOKEN: removedSecret,
        NODE_AUTH: '',
        TF_LIST: `https://${removedSecret}@example.org`,
        OMP_NUM_THREADS: '2',
      },
      removed: 2,
    });
  });
});
