// A timer is a number in the page's modules, which run in browsers, and an object in the tests, which run in
// node and import them: to tsc it is both here. After node's own types, as the last that is declared is taken.
/// <reference types="node" />

type Timer = number & NodeJS.Timeout;

declare global {
  function setTimeout<A extends any[]>(callback: (...args: A) => void, ms?: number, ...args: A): Timer;
  function setInterval<A extends any[]>(callback: (...args: A) => void, ms?: number, ...args: A): Timer;
}

export {};
