import type { Room, RoomTable } from "./table.ts";

export const pictureBegin = "<!-- rooms: begin (written by `npm run rooms -- --write` from rooms.json) -->";
export const pictureEnd = "<!-- rooms: end -->";

/** The house as Markdown: the floors from the roof down, then who may touch what outside. */
export function pictureOf(table: RoomTable): string {
  const rooms = table.rooms.toSorted((a, b) => b.floor - a.floor);
  const nameWidth = Math.max(...rooms.map((room) => room.name.length));
  let floorAbove = -1;
  const lines = rooms.map((room) => {
    const floor = room.floor === floorAbove ? "" : String(room.floor);
    floorAbove = room.floor;
    return ` ${floor.padEnd(5)}  ${room.name.padEnd(nameWidth)}  ${room.about}`;
  });
  const permits = rooms
    .filter((room) => room.permits.length + room.packages.length + filePermits(room).length > 0)
    .map((room) => `| ${room.name} | ${list([...room.permits, ...filePermits(room)])} | ${list(room.packages)} |`);
  return [
    "```",
    ` floor  ${"room".padEnd(nameWidth)}  what happens there`,
    ...lines,
    "```",
    "",
    `Every room may import ${list(table.everywhere.permits)}, and types of ${list(table.everywhere.typePermits)}. More needs a permit:`,
    "",
    "| room | of Node | packages |",
    "|---|---|---|",
    ...permits,
    "",
    ...table.outside.map((house) => `\`${house.folder}/\`: ${house.about} (${list(house.rooms)}).`),
  ].join("\n");
}

function filePermits(room: Room): string[] {
  return Object.entries(room.files).flatMap(([file, permits]) => permits.map((permit) => `${permit}\` in \`${file}`));
}

function list(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** The page with the picture put between its markers; null when the page has no markers. */
export function withPicture(page: string, picture: string): string | null {
  const begin = page.indexOf(pictureBegin);
  const end = page.indexOf(pictureEnd);
  if (begin === -1 || end < begin) return null;
  return `${page.slice(0, begin + pictureBegin.length)}\n${picture}\n${page.slice(end)}`;
}
