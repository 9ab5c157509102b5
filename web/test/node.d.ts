// As much of Node's types as the unit tests use.
declare module 'node:test' {
  export function test(name: string, work: () => void | Promise<void>): void;
}
declare module 'node:assert/strict' {
  const assert: {
    equal(a: unknown, b: unknown, message?: string): void;
    deepEqual(a: unknown, b: unknown, message?: string): void;
    ok(value: unknown, message?: string): void;
  };
  export default assert;
}
