// Networks in stages, on several devices.
export { startPipeline, type Pipeline, type PipelineOptions } from './pipeline.js';
export { bubble, gpipe, oneForwardOneBackward, type PipelineSchedule, type Task } from './schedule.js';
