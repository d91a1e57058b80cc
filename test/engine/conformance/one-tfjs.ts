// Stands for `@tensorflow/tfjs` in the bundle: tfjs-node's ES5 classes cannot extend an ES6 class by calling it.
import { KernelBackend as Class } from '@tensorflow/tfjs-core';
export * from '@tensorflow/tfjs-core';
export function KernelBackend(): void {}
KernelBackend.prototype = Object.create(Class.prototype) as object;
