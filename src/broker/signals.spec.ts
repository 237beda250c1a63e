import { expect, it } from '@jest/globals';
import { Signals } from './signals.js';

/** A value that a test changes, and how often it was looked at. */
function looked<T>(first: T) {
  const look = async () => {
    state.looks += 1;
    return state.value;
  };
  const state = { value: first, looks: 0, look };
  return state;
}

const isDone = (value: string) => value === 'done';

it('looks once where nobody waits', async () => {
  const state = looked('open');
  expect(await new Signals().until('topic', state.look, isDone, {})).toBe('open');
  expect(state.looks).toBe(1);
});

it('looks again at each signal, until it is as wanted', async () => {
  const signals = new Signals();
  const state = looked('open');
  const end = signals.until('topic', state.look, isDone, { waitSeconds: 60 });
  signals.send('other');
  signals.send('topic');
  state.value = 'done';
  signals.send('topic');
  expect(await end).toBe('done');
});

it('takes what it is shown for a look, and looks again where that is not as wanted', async () => {
  const signals = new Signals();
  const state = { at: 'open', looks: 0 };
  const look = async () => {
    state.looks += 1;
    return { at: state.at };
  };
  const end = signals.until('topic', look, ({ at }) => at === 'done', { waitSeconds: 60 });
  await Promise.resolve();
  signals.show('topic', { at: 'nearly' });
  await new Promise(setImmediate);
  signals.show('topic', { at: 'done' });
  expect(await end).toEqual({ at: 'done' });
  expect(state.looks).toBe(1);
});

it('does not miss a signal that comes while it looks', async () => {
  const signals = new Signals();
  let looks = 0;
  const look = async () => {
    looks += 1;
    if (looks === 1) signals.send('topic');
    return looks === 2 ? 'done' : 'open';
  };
  expect(await signals.until('topic', look, isDone, { waitSeconds: 60 })).toBe('done');
});

it('returns the last look when the time is up, and when whoever waits has gone', async () => {
  const state = looked('open');
  expect(await new Signals().until('topic', state.look, isDone, { waitSeconds: 0.01 })).toBe('open');
  expect(state.looks).toBe(2);
  const gone = new AbortController();
  const end = new Signals().until('topic', state.look, isDone, { waitSeconds: 60, signal: gone.signal });
  gone.abort();
  expect(await end).toBe('open');
});

it('stops listening when the look fails', async () => {
  const signals = new Signals();
  const failing = () => Promise.reject(new Error('no database'));
  await expect(signals.until('topic', failing, isDone, { waitSeconds: 60 })).rejects.toThrow('no database');
});
