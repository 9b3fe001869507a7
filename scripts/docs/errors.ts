import { type ErrorKind, errorCatalogue } from "../../src/contract/index.ts";
import { generatedFrom, tableOf } from "./markdown.ts";

const kinds: readonly (readonly [ErrorKind, string, string])[] = [
  ["refusal", "Refusals", "The request cannot be done as it stands. Nothing was changed, unless the row says what was."],
  ["fault", "Faults", "The request was in order, but something failed: a disk, a keeper, a limit of the system."],
  ["bug", "Bugs", "This should never happen."],
];

/** `docs/errors.md`. */
export function errorsMarkdown(): string {
  const parts = kinds.map(([kind, title, about]) => {
    const rows = Object.entries(errorCatalogue)
      .filter(([, row]) => row.kind === kind)
      .map(([code, row]) => [`\`${code}\``, row.doc, row.hint, String(row.http), String(row.exit)]);
    return `## ${title}\n\n${about}\n\n${tableOf(["code", "when", "what to do", "HTTP", "exit code"], rows)}`;
  });
  return `${generatedFrom("src/contract/errors.ts")}

# Errors

Every error that Herma reports, on the command line, over HTTP, to a model or to a library, has one of these codes. A code means the same for
ever and is never used again for something else. Over HTTP an error is a problem document with \`code\`, \`message\`, \`hint\` and, where a
program can use them, \`data\`; a command prints message and hint and ends with the exit code.

${parts.join("\n\n")}
`;
}
