import { chromium } from 'playwright-core';
const [path, out, scheme, width, from, height] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: +width, height: 900 }, colorScheme: scheme });
await page.goto('file://' + path); await page.waitForTimeout(1200);
await page.screenshot({ path: out, fullPage: true, clip: { x: 0, y: +from, width: +width, height: +height } });
await browser.close();
