import { placesOf } from './detector.js';
import type { Detector } from './detector.js';

// 京A·12345 · 粤BD12345

const PLATE =
  /[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•. ]?(?=[A-HJ-NP-Z0-9]*\d{3})[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])/gu;

/** Chinese licence plates, GA 36-2018: province, letter, five characters (six for electric cars), without I and O. */
export const licencePlate: Detector = { find: (text) => placesOf(text, PLATE, () => true) };
