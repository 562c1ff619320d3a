import assert from "node:assert/strict";
import { Output } from "../lib/output.ts";
import { Terminal } from "../lib/terminal.ts";
import { ScreenModel } from "./support/screen_model.ts";

/** A terminal, and what somebody in front of it sees. */
function open() {
  const screen = new ScreenModel();
  const output = new Output((bytes) => {
    screen.write(new TextDecoder().decode(bytes));
    return Promise.resolve(bytes.length);
  });
  const terminal = new Terminal(output, () => ({ columns: 20, rows: 10 }));
  return { terminal, output, screen };
}

Deno.test("terminal: what is drawn replaces what was, also when there are fewer lines", async () => {
  const { terminal, output, screen } = open();
  for (const lines of [["one long line", "two", "three"], ["1", "2"], ["x"]]) {
    terminal.draw(lines);
    await output.drain();
    assert.deepEqual(screen.lines, lines);
  }
  terminal.draw([]);
  await output.drain();
  assert.deepEqual(screen.lines, []);
});

Deno.test("terminal: lines of the log stay above what is drawn", async () => {
  const { terminal, output, screen } = open();
  terminal.writeLine("first");
  await output.drain();
  terminal.draw(["bar 1", "bar 2"]);
  await output.drain();
  terminal.writeLine("second");
  terminal.writeLine("third");
  await output.drain();
  assert.deepEqual(screen.lines, ["first", "second", "third", "bar 1", "bar 2"]);
  terminal.draw([]);
  terminal.writeLine("fourth");
  await output.drain();
  assert.deepEqual(screen.lines, ["first", "second", "third", "fourth"]);
});

Deno.test("terminal: what is longer than a line is never wrapped", async () => {
  const { terminal, output, screen } = open();
  terminal.draw(["x".repeat(50), "y"]);
  terminal.writeLine("log");
  terminal.draw([]);
  await output.drain();
  assert.deepEqual(screen.lines, ["log"]);
});

Deno.test("terminal: Ctrl-C, whose echo the terminal writes itself, leaves nothing", async () => {
  const { terminal, output, screen } = open();
  terminal.draw(["bar 1", "bar 2"]);
  await output.drain();
  screen.write("^C");
  terminal.close();
  await output.drain();
  terminal.draw(["bar 1", "bar 2"]);
  terminal.writeLine("stopped");
  await output.drain();
  assert.deepEqual(screen.lines, ["stopped"]);
});

Deno.test("terminal: without anything drawn a line is nothing but the line", async () => {
  const { terminal, output, screen } = open();
  terminal.draw([]);
  terminal.writeLine("log");
  terminal.close();
  await output.drain();
  assert.equal(screen.written, "log\n");
});

const SIZES: [name: string, measure: () => { columns: number; rows: number }, columns: number][] = [
  ["its own", () => ({ columns: 20, rows: 10 }), 20],
  ["that of most terminals, where it is 0", () => ({ columns: 0, rows: 0 }), 80],
  ["that of most terminals, where nobody knows it", () => {
    throw new Deno.errors.NotSupported("no terminal");
  }, 80],
];
for (const [name, measure, columns] of SIZES) {
  Deno.test(`terminal: its size is ${name}`, () => {
    const output = new Output((bytes) => Promise.resolve(bytes.length));
    assert.equal(new Terminal(output, measure).size().columns, columns);
  });
}

Deno.test("terminal: what a slow reader cannot take is not drawn, but it is cleared", async () => {
  const slow = Promise.withResolvers<void>();
  let written = "";
  const output = new Output(async (bytes) => {
    await slow.promise;
    written += new TextDecoder().decode(bytes);
    return bytes.length;
  });
  const terminal = new Terminal(output, () => ({ columns: 20, rows: 10 }));
  terminal.draw(["frame 1"]);
  for (let index = 2; index <= 100; index++) terminal.draw([`frame ${index}`]);
  terminal.draw([]);
  slow.resolve();
  await output.drain();
  assert.match(written, /frame 1/);
  assert.doesNotMatch(written, /frame 2/);
  const screen = new ScreenModel();
  screen.write(written);
  assert.deepEqual(screen.lines, []);
});
