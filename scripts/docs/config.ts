import { stringify } from "yaml";
import { z } from "zod";
import { expectedWords } from "../../src/contract/expected.ts";
import { configBytesMax, configSchema, defaultConfig } from "../../src/contract/index.ts";
import { hermesSettings } from "../../src/rules/index.ts";
import { codeBlock, generatedFrom, tableOf } from "./markdown.ts";

/** `docs/config.md`. */
export function configMarkdown(): string {
  const sections = Object.entries(withoutDefault(configSchema()).shape).map(([name, section]) => {
    const rows = Object.entries(withoutDefault(section as z.ZodType).shape).map(([key, setting]) => {
      const schema = setting as z.ZodDefault;
      const standard = JSON.stringify(schema.parse(undefined));
      return [`\`${name}.${key}\``, expectedWords(schema.unwrap() as z.ZodType), `\`${standard}\``, schema.description ?? ""];
    });
    const undescribed = rows.find((row) => row[3] === "");
    if (undescribed !== undefined) throw new Error(`${undescribed[0]} has no description`);
    return `## \`${name}\`\n\n${(section as z.ZodType).description ?? ""}\n\n${tableOf(["key", "takes", "default", "meaning"], rows)}`;
  });
  return `${generatedFrom("src/contract/config.ts")}

# Settings

\`herma.yaml\` in the home (\`~/.herma\`, or \`HERMA_HOME\`, or \`--home\`) holds what its owner wants otherwise. It may be absent, and so may
every key in it. It is read at a start; only \`herma config import\` writes it. \`herma config show\` prints what is in force, \`herma config check\` tells
what is wrong, with the line.

- A value that is not what its key takes is an error: the gateway does not start on it (exit code 78), commands go on with the default.
- A key that this version does not know is a warning, so that a file may serve two versions.
- Aliases and tags of YAML are refused, and so are files over ${configBytesMax / 1024} KiB.

${sections.join("\n\n")}

## From a Hermes agent

\`herma config import [FROM]\` takes over what the settings of a Hermes agent say, as far as Herma has the same: from \`config.yaml\` and \`.env\`
in its home (\`~/.hermes\`, or \`FROM\`), which are only read, and from the variables the command is given. \`.env\` goes before these, and both before
\`config.yaml\`. What \`herma.yaml\` says already stays, comments included; \`--force\` replaces other values, \`--dry-run\` only tells. A value that Herma
does not take, and every other key, is told and left: \`--verbose\` and \`--json\` name them. Values of secrets are never printed.

${tableOf(["there", "variable", "here", "how"], importRows())}

## A file with every default

${codeBlock(stringify(defaultConfig()), "yaml")}
`;
}

function importRows(): string[][] {
  return hermesSettings.map(({ keys, variable, setting, how }) => [
    keys.map((key) => `\`${key}\``).join(", else ") || "-",
    variable === null ? "-" : `\`${variable}\``,
    setting === null ? "known, not used yet" : `\`${setting}\``,
    how,
  ]);
}

function withoutDefault(schema: z.ZodType): z.ZodObject {
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  if (!(inner instanceof z.ZodObject)) throw new Error("a section of the config is not an object");
  return inner;
}
