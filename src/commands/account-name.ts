import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';

/** The name of the account, or where it has none a name that stays the same for this machine's user. */
export function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return createHash('sha256')
      .update(String(process.getuid?.() ?? 0))
      .digest('hex')
      .slice(0, 8);
  }
}
