/** The number of a group by its name, from the text of `/etc/group` (name:password:number:members); null when it is not there. */
export function groupNumber(text: string, name: string): number | null {
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    if (fields[0] === name && /^\d{1,10}$/.test(fields[2] ?? "")) return Number(fields[2]);
  }
  return null;
}
