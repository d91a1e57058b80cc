const significant = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A number for reading: whole numbers with thousands separators, others with four significant digits. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : '−∞';
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e15)) {
    const [digits = '', exponent = '0'] = value.toExponential(3).split('e');
    return `${String(Number(digits))}e${String(Number(exponent))}`.replace('-', '−').replace('e-', 'e−');
  }
  const text = Number.isInteger(value) || Math.abs(value) >= 1e4 ? whole.format(value) : significant.format(value);
  return text.replace('-', '−');
}

/** A value of a table or a list of facts, as text. */
export function formatValue(value: string | number | boolean): string {
  return typeof value === 'number' ? formatNumber(value) : String(value);
}

/** Seconds as a reader says them: `0.42 s`, `12.3 s`, `2 min 05 s`, `1 h 03 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const rounded = Math.round(seconds);
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${two(rounded % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${whole.format(Math.floor(minutes / 60))} h ${two(minutes % 60)} min`;
}

/** Bytes in binary units: `512 B`, `1.5 KiB`, `2.31 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${significant.format(Number((bytes / 1024 ** power).toPrecision(3)))} ${units[power] ?? 'B'}`;
}

/** An ISO time as `21 November 2026, 06:31 UTC`. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(time);
  return `${day}, ${time.toISOString().slice(11, 16)} UTC`;
}

/** `tokensPerSecond` as `tokens per second`: names of metrics and config keys as words. */
export function words(name: string): string {
  return name
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
    .replace(/[_/]+/g, ' ');
}
