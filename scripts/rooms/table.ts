import { z } from "zod";

const Permit = z.string().regex(/^(node|global):./);

const Room = z.strictObject({
  name: z.string().regex(/^[a-z][A-Za-z]*$/),
  floor: z.int().min(0),
  about: z.string().min(1),
  /** `node:` modules besides those allowed everywhere (`node:*` is all of them), and globals such as `global:Date.now`. */
  permits: z.array(Permit),
  /** npm packages the room may import; `@scope/*` is all of a scope. */
  packages: z.array(z.string()),
  /** Modules that single files of the room may import, such as a program's `main.ts`. */
  files: z.record(z.string(), z.array(Permit)).default({}),
});
export type Room = z.infer<typeof Room>;

/** `rooms.json`: the floors and permits. */
export const RoomTable = z
  .strictObject({
    about: z.string(),
    everywhere: z.strictObject({
      permits: z.array(z.string().startsWith("node:")),
      /** Modules of which every room may import types. */
      typePermits: z.array(z.string().startsWith("node:")),
    }),
    rooms: z.array(Room).min(1),
    /** Code beside `src/` that is built apart, and the rooms whose doors it may use. */
    outside: z.array(z.strictObject({ folder: z.string(), about: z.string(), rooms: z.array(z.string()) })),
  })
  .refine((table) => new Set(table.rooms.map((room) => room.name)).size === table.rooms.length, "a room is named twice")
  .refine(
    (table) => table.outside.every((house) => house.rooms.every((name) => table.rooms.some((room) => room.name === name))),
    "outside names a room that is not in the table",
  );
export type RoomTable = z.infer<typeof RoomTable>;
