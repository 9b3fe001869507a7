import { z } from "zod";

/** The parts of a JSON schema that say what a value may be. */
type Shape = {
  type?: string;
  enum?: readonly unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  items?: Shape;
  anyOf?: readonly Shape[];
};

/** Says for people what a schema takes: `a whole number from 0 to 65535`, `one of info, warn`. */
export function expectedWords(schema: z.ZodType): string {
  return words(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Shape);
}

function words(shape: Shape): string {
  if (shape.enum !== undefined) return `one of ${shape.enum.join(", ")}`;
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  if (shape.anyOf !== undefined) return shape.anyOf.map(words).join(" or ");
  switch (shape.type) {
    case "integer":
      return `a whole number${rangeWords(shape)}`;
    case "number":
      return `a number${rangeWords(shape)}`;
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "null":
      return "nothing (null)";
    case "array":
      return `a list${shape.items === undefined ? "" : ` (each ${words(shape.items)})`}`;
    case "object":
      return "keys with values";
    default:
      return "anything";
  }
}

function rangeWords({ minimum, maximum, exclusiveMinimum }: Shape): string {
  // zod adds the range of safe integers to the JSON schema of every whole number; that range tells people nothing.
  const from = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const to = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (from !== undefined && to !== undefined) return ` from ${from} to ${to}`;
  if (from !== undefined) return ` of ${from} or more`;
  if (to !== undefined) return ` of ${to} or less`;
  return exclusiveMinimum === undefined ? "" : ` above ${exclusiveMinimum}`;
}
