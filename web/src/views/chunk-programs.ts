// One chunk: the programs that Belfry keeps running. See chunk-watch.ts.
export { default as ProgramsView } from './programs';
export { default as ProgramView } from './program';
export { default as ProgramEdit } from './program-edit';
