import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type PipeRoom, PipeRooms } from "./pipeRoom.ts";

const full = new Uint8Array(65_536);
const small = new Uint8Array(65_535);
const usual = 65_536;
const large = 1_048_576;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function made(resize: (fd: number, bytes: number) => boolean = () => true) {
  const calls: string[] = [];
  const heard: (number | string)[] = [];
  const waits: number[] = [];
  const rooms = new PipeRooms(
    (fd, bytes) => {
      calls.push(`${fd}: ${bytes}`);
      return resize(fd, bytes);
    },
    (ms) => void waits.push(ms),
  );
  const handler = { bytes: (chunk: Uint8Array) => void heard.push(chunk.length), end: () => void heard.push("end") };
  return { calls, heard, rooms, waits, open: (fd: number) => rooms.of(fd, handler) };
}

function read(room: PipeRoom, times: number, chunk = full): void {
  for (let count = 0; count < times; count += 1) room.bytes(chunk);
}

test("a pipe that is found full again and again gets more room, once, and all its bytes are heard", () => {
  const { calls, heard, open } = made();
  const room = open(5);
  read(room, 15);
  expect(calls).toEqual([]);
  read(room, 100);
  expect(calls).toEqual([`5: ${large}`]);
  room.end(null);
  expect(heard).toHaveLength(116);
  expect(heard.at(-1)).toBe("end");
});

test("one that is read faster than it is written to, or is full now and then, stays as it is", () => {
  const { calls, open } = made();
  const room = open(5);
  read(room, 1000, small);
  for (let count = 0; count < 20; count += 1) {
    read(room, 10);
    vi.advanceTimersByTime(1001);
  }
  expect(calls).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("the room goes back when it was quiet for a second; what still holds too much is asked again", () => {
  let empty = false;
  const { calls, rooms, open } = made((_fd, bytes) => bytes === large || empty);
  const room = open(5);
  read(room, 16);
  vi.advanceTimersByTime(900);
  read(room, 1);
  vi.advanceTimersByTime(900);
  expect(calls).toEqual([`5: ${large}`]);
  vi.advanceTimersByTime(2000);
  expect(calls.at(-1)).toBe(`5: ${usual}`);
  expect(rooms.busy).toBe(1);
  empty = true;
  vi.advanceTimersByTime(1000);
  expect(rooms.busy).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  read(room, 16);
  expect(rooms.busy).toBe(1);
});

test("eight have it at most; the end and the closing of one make room for another", () => {
  const { calls, rooms, open } = made();
  const all = Array.from({ length: 10 }, (_, fd) => open(fd));
  for (const room of all) read(room, 16);
  expect(rooms.busy).toBe(8);
  expect(calls).toHaveLength(8);
  all[0]!.end(null);
  all[1]!.close();
  for (const room of all.slice(8)) read(room, 16);
  expect(rooms.busy).toBe(8);
  for (const room of all) room.close();
  expect(rooms.busy).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("where the system refuses, it is let be until as much again was full", () => {
  const { calls, rooms, open } = made(() => false);
  const room = open(5);
  read(room, 31);
  expect(calls).toHaveLength(1);
  read(room, 1);
  expect(calls).toHaveLength(2);
  expect(rooms.busy).toBe(0);
});

test("only a pipe with more room is waited for, for a tenth of a millisecond at most, when it held a page and no more than the usual room", () => {
  const { waits, rooms, open } = made();
  const room = open(5);
  read(room, 100, small);
  read(room, 16);
  expect(waits).toEqual([]);
  read(room, 1);
  read(room, 100, new Uint8Array(4095));
  expect(waits).toEqual([]);
  read(room, 1, new Uint8Array(4096));
  read(room, 1, small);
  expect(waits).toHaveLength(2);
  for (const ms of waits) expect(ms).toBeLessThanOrEqual(0.1);
  vi.advanceTimersByTime(2000);
  expect(rooms.busy).toBe(0);
  read(room, 1, small);
  expect(waits).toHaveLength(2);
  room.close();
});

test("however many are busy, the program rests once in a turn of the loop; the turn is told from the first pipe that comes back", () => {
  const { waits, rooms, open } = made();
  const all = Array.from({ length: 64 }, (_, fd) => open(fd));
  for (const room of all) read(room, 17);
  expect(rooms.busy).toBe(8);
  for (let turn = 1; turn <= 20; turn += 1) {
    for (const room of all) read(room, 1, small);
    expect(waits).toHaveLength(turn);
  }
  // The one that rested ends or falls silent: another one rests in its place, a turn later.
  all[0]!.close();
  for (const room of all.slice(1)) read(room, 1, small);
  expect(waits).toHaveLength(21);
  for (const room of all.slice(2)) read(room, 1, small);
  expect(waits).toHaveLength(22);
  for (const room of all) room.close();
  const last = open(99);
  read(last, 17);
  read(last, 2, small);
  expect(waits).toHaveLength(24);
  last.close();
});
