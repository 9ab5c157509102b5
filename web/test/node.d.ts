// As much of Node's types as the unit tests use.
declare module 'node:test' {
  export function test(name: string, work: () => void | Promise<void>): void;
  export function before(work: () => void): void;
  export function after(work: () => void): void;
}
declare module 'node:assert/strict' {
  const assert: {
    equal(a: unknown, b: unknown, message?: string): void;
    deepEqual(a: unknown, b: unknown, message?: string): void;
    ok(value: unknown, message?: string): void;
  };
  export default assert;
}
declare module 'node:child_process' {
  export function execFileSync(file: string, args: string[]): unknown;
}
declare module 'node:fs' {
  export function mkdtempSync(prefix: string): string;
  export function readdirSync(path: string): string[];
  export function readFileSync(path: string): Uint8Array;
  export function rmSync(path: string, options: { recursive: boolean; force: boolean }): void;
}
declare module 'node:os' {
  export function tmpdir(): string;
}
declare module 'node:path' {
  export function join(...parts: string[]): string;
}
declare module 'node:zlib' {
  export function gzipSync(data: Uint8Array, options: { level: number }): Uint8Array;
}
declare const process: { cpuUsage(before?: unknown): { user: number }; env: Record<string, string | undefined>; execPath: string };
