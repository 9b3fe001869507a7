import { stringify } from "yaml";
import { z } from "zod";
import { expectedWords } from "../../src/contract/expected.ts";
import { configBytesMax, configSchema, defaultConfig } from "../../src/contract/index.ts";
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
every key in it. It is read at a start and never written by Herma. \`herma config show\` prints what is in force, \`herma config check\` tells
what is wrong, with the line.

- A value that is not what its key takes is an error: the gateway does not start on it (exit code 78), commands go on with the default.
- A key that this version does not know is a warning, so that a file may serve two versions.
- Aliases and tags of YAML are refused, and so are files over ${configBytesMax / 1024} KiB.

${sections.join("\n\n")}

## A file with every default

${codeBlock(stringify(defaultConfig()), "yaml")}
`;
}

function withoutDefault(schema: z.ZodType): z.ZodObject {
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  if (!(inner instanceof z.ZodObject)) throw new Error("a section of the config is not an object");
  return inner;
}
