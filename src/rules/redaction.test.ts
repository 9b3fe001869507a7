import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { harmlessTexts, type PlantedSecret, plantedSecrets, plantedSettings } from "../../test/fixtures/secrets.ts";
import { createRedactor } from "./redaction.ts";

const redactor = createRedactor({ enabled: true });
const secrets = plantedSecrets();
const settings = plantedSettings();
const each = (list: readonly PlantedSecret[]): [string, PlantedSecret][] => list.map((planted) => [planted.name, planted]);

describe("what is masked", () => {
  test.each(each(secrets))("%s: [T6] nothing of it is left but its ends", (_name, { text, secret }) => {
    for (const framed of [text, `before ${text} after\nnext`, `x="${text.replaceAll("\n", "\\n")}"`]) {
      const shown = redactor.text(framed);
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain(secret.slice(6, -4));
      expect(shown).toMatch(/\*\*\*|\.\.\./);
      expect(redactor.text(shown)).toBe(shown);
    }
  });

  test("text around a secret stays", () => {
    for (const { text } of secrets) {
      const shown = redactor.text(`first line\n${text}\nlast line`);
      expect(shown.startsWith("first line\n")).toBe(true);
      expect(shown.endsWith("\nlast line")).toBe(true);
    }
  });

  test("short ones whole, longer ones keep the first six and the last four", () => {
    const long = `gh${"p_"}0123456789abcdefghij`;
    expect(redactor.text(long)).toBe("ghp_01...ghij");
    expect(redactor.text(`gh${"p_"}0123456789`)).toBe("***");
  });

  test("the armour of a private key stays, and so does what stands around it", () => {
    const { text } = secrets.find(({ name }) => name === "private key, line 1") as PlantedSecret;
    const [begin, ...rest] = text.split("\n");
    expect(redactor.text(`a\n${text}\nb`)).toBe(`a\n${begin}\n***\n${rest.at(-1)}\nb`);
  });

  test("two on one line, and one in another", () => {
    const [a, b] = [secrets[0], secrets[5]] as [PlantedSecret, PlantedSecret];
    expect(redactor.text(`${a.secret} ${b.secret}`).split(" ")).toHaveLength(2);
    expect(redactor.text(`Authorization: Bearer ${a.secret}, then ${a.secret}`)).not.toContain(a.secret.slice(6, -4));
  });

  test("behind escapes that end in a letter", () => {
    const { secret } = secrets.find(({ name }) => name === "hugging face") as PlantedSecret;
    for (const before of ["\\n", "\\t", "%3D", "\u001b[1;32m", "=", "'", "(", "_"]) {
      expect(redactor.text(`x${before}${secret}`)).not.toContain(secret.slice(6, -4));
    }
  });
});

describe("what prints variables and settings", () => {
  test.each(each(settings))("%s: masked there, and left alone in other output", (_name, { text, secret }) => {
    expect(redactor.text(`HOME=/root\n${text}\nLANG=C\n`, { command: "env" })).not.toContain(secret);
    expect(redactor.text(`HOME=/root\n${text}\nLANG=C\n`, { command: "env" })).toMatch(/^HOME=\/root\n.+\nLANG=C\n$/s);
    expect(redactor.text(text, { command: "npm run build" })).toBe(text);
    expect(redactor.text(text)).toBe(text);
  });

  test.each([
    "env",
    "printenv | sort",
    "cd /tmp && printenv",
    "FOO=1 /usr/bin/env",
    "sudo -E env",
    "set",
    "set | grep -i token",
    "set -x; ./deploy.sh",
    "export",
    "export -p",
    "declare -x",
    "cat .env",
    "cat ./config/.env.production",
    "head -50 ~/.bashrc",
    "grep KEY .env | wc -l",
    "cat /proc/self/environ | tr '\\0' '\\n'",
    "cat config.yaml",
    "bash -c 'env'",
    'bash -lc "cd x; printenv"',
    "docker exec web env",
    "ssh host printenv",
    "(env)",
    'x=$(env); echo "$x"',
    "ps auxe",
    "git config --list",
    "systemctl --user show-environment",
  ])("%s does", (command) => {
    expect(redactor.text("SERVICE_TOKEN=abcdefgh", { command })).toBe("SERVICE_TOKEN=***");
  });

  test.each([
    "npm test",
    "set -e; npm test",
    "set -euo pipefail\nmake",
    "cat README.md",
    "echo environment",
    "python train.py --env prod",
    "cat src/config.ts",
    "environment-check",
    "",
  ])("%j does not", (command) => {
    expect(redactor.text("SERVICE_TOKEN=abcdefgh", { command })).toBe("SERVICE_TOKEN=abcdefgh");
  });

  test("as words, too", () => {
    expect(redactor.text("A_TOKEN=abcdefgh", { command: ["env"] })).toBe("A_TOKEN=***");
    expect(redactor.text("A_TOKEN=abcdefgh", { command: ["sh", "-c", "cd /; printenv"] })).toBe("A_TOKEN=***");
    expect(redactor.text("A_TOKEN=abcdefgh", { command: ["sh", "-c", "make"] })).toBe("A_TOKEN=abcdefgh");
  });

  test.each([
    "MAX_TOKENS=100",
    "TOKEN_COUNT=12345678",
    "PASSWORD_FILE=/run/secrets/db",
    "SSH_AUTH_SOCK=/tmp/ssh-x/agent.1",
    "PWD=/home/me",
    "OLDPWD=/",
    "API_KEY=$OTHER",
    "API_KEY=",
    "USE_TOKEN=true",
    "KEYBOARD=us-intl-with-dead-keys",
    "public_key: ssh-ed25519 AAAAC3Nz",
    "primaryKey: customer_number",
    "TOKENIZERS_PARALLELISM=false",
    "XDG_SESSION_ID=c2",
    "author: someone@example.com",
  ])("%s is no secret even there", (line) => {
    expect(redactor.text(line, { command: "env" })).toBe(line);
  });
});

describe("what stays", () => {
  test.each(harmlessTexts().map((text) => [text.slice(0, 60), text]))("%s", (_start, text) => {
    expect(redactor.text(text)).toBe(text);
    expect(redactor.text(`a ${text}\n`)).toBe(`a ${text}\n`);
  });

  test("anything without a secret, whatever its characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        fc.pre(!/eyJ|:\/\/|sk|gh|PRIVATE KEY|[?&;]|earer|uthoriz|ookie/.test(text));
        expect(redactor.text(text)).toBe(text);
      }),
    );
  });

  test("a second pass over lines changes nothing", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...secrets.map(({ text }) => text), ...settings.map(({ text }) => text)), fc.string())),
        (parts) => {
          const once = redactor.text(parts.join("\n"), { command: "env" });
          expect(redactor.text(once, { command: "env" })).toBe(once);
        },
      ),
    );
  });
});

describe("commands", () => {
  test.each([
    ["MYSQL_PWD=hunter22 mysqldump app", "MYSQL_PWD=*** mysqldump app"],
    ["API_TOKEN='a b c d' ./run --port 80", "API_TOKEN='***' ./run --port 80"],
    ["tool --password hunter22 --verbose", "tool --password *** --verbose"],
    ["tool --api-key=abcdefgh x", "tool --api-key=*** x"],
    ["curl -u bob:hunter22 https://x", "curl -u bob:*** https://x"],
    ["sshpass -p hunter22 ssh host", "sshpass -p *** ssh host"],
    ["mysql -u root -phunter22 app", "mysql -u root -p*** app"],
    [`curl -d '{"password":"hunter22"}' https://x`, `curl -d '{"password":"***"}' https://x`],
    ["curl -H 'X-Api-Key: abcdefgh1' https://x", "curl -H 'X-Api-Key: ***' https://x"],
    ["git clone https://bob:hunter22@host/x", "git clone https://bob:***@host/x"],
  ])("%s", (command, shown) => {
    expect(redactor.command(command)).toBe(shown);
    expect(redactor.command(redactor.command(command))).toBe(shown);
  });

  test("as words", () => {
    expect(redactor.command(["tool", "--token", "abcdefgh", "-u", "bob:hunter22", "A_SECRET=abcdefgh", "x"])).toEqual([
      "tool",
      "--token",
      "***",
      "-u",
      "bob:***",
      "A_SECRET=***",
      "x",
    ]);
  });

  test.each([
    "npm run build -- --max-tokens 100",
    "train --token-count 5 --key-file /etc/key",
    'curl -H "Authorization: Bearer $TOKEN" https://x',
    "API_KEY=$KEY ./run",
    "tool --password-file ./secret.txt",
    "docker run -u 1000:1000 image",
    "ls -la && echo done",
  ])("%s stays", (command) => expect(redactor.command(command)).toBe(command));

  test.each(each(secrets))("%s in a command", (_name, { text, secret }) => {
    expect(redactor.command(`echo "${text}"`)).not.toContain(secret.slice(6, -4));
    expect(redactor.command(["echo", text]).join(" ")).not.toContain(secret.slice(6, -4));
  });
});

describe("pieces", () => {
  test.each(each(secrets))("%s: wherever it is cut, neither side shows its part", (_name, { text, secret }) => {
    const whole = `some line before\n${text}\nsome line after`;
    const inner = secret.slice(6, -4);
    const start = whole.indexOf(inner);
    for (let cut = start - 10; cut <= start + inner.length + 10; cut += 3) {
      const [left, right] = [whole.slice(0, cut), whole.slice(cut)];
      const first = redactor.piece({ before: "", text: left, after: right });
      const second = redactor.piece({ before: left, text: right, after: "" });
      expect(first + second).not.toContain(inner);
      // Nor more than a glimpse of it on one side.
      for (const shown of [first, second])
        for (let at = 0; at + 8 <= inner.length; at += 4) expect(shown).not.toContain(inner.slice(at, at + 8));
    }
  });

  test("a token that has only begun is not shown at the end of what there is", () => {
    const { secret } = secrets[0] as PlantedSecret;
    for (let length = 7; length < secret.length; length += 1) {
      expect(redactor.piece({ before: "", text: `x ${secret.slice(0, length)}`, after: "" })).toMatch(/^x (\*\*\*|.{6}\.\.\..{4})$/);
    }
  });

  test("lines as they come: a private key over many of them", () => {
    const { text } = secrets.find(({ name }) => name === "private key, line 1") as PlantedSecret;
    const stream = redactor.stream();
    const shown = ["before", ...text.split("\n"), "after"].map((line) => stream(`${line}\n`)).join("");
    for (const line of text.split("\n").slice(1, -1)) expect(shown).not.toContain(line);
    expect(shown.startsWith("before\n-----BEGIN")).toBe(true);
    expect(shown.endsWith("-----\nafter\n")).toBe(true);
  });

  test("a key that never ends hides no more than what could be of it", () => {
    const stream = redactor.stream();
    stream(`-----BEGIN PRIVATE${" KEY"}-----\n`);
    stream("QUJDREVGR0g=\n");
    expect(stream("a line of words\n")).toBe("a line of words\n");
    expect(stream("next\n")).toBe("next\n");
  });
});

describe("data", () => {
  test("values under secret keys and secrets anywhere in it; the rest is as it was", () => {
    const { secret } = secrets[0] as PlantedSecret;
    const when = new Date(0);
    const data = { id: 7, apiKey: "abcdefgh", nested: [{ text: `a ${secret}` }, null, true], when, password: 12, [secret]: "x" };
    const shown = redactor.deep(data);
    expect(shown).toMatchObject({
      id: 7,
      apiKey: "***",
      nested: [{ text: expect.not.stringContaining(secret) }, null, true],
      password: 12,
    });
    expect(shown.when).toBe(when);
    expect(JSON.stringify(shown)).not.toContain(secret.slice(6, -4));
  });

  test("nesting without end is cut", () => {
    let deep: unknown = "x";
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    expect(JSON.stringify(redactor.deep(deep)).length).toBeLessThan(200);
  });

  test("one value by its name", () => {
    expect(redactor.value("DB_PASSWORD", "abcdefgh")).toBe("***");
    expect(redactor.value("HOME", "/root")).toBe("/root");
  });
});

test("switched off, everything is as it was", () => {
  const off = createRedactor({ enabled: false });
  const { text, secret } = secrets[0] as PlantedSecret;
  expect(off.text(text)).toBe(text);
  expect(off.command(["a", text])).toEqual(["a", text]);
  expect(off.command(text)).toBe(text);
  expect(off.value("PASSWORD", secret)).toBe(secret);
  expect(off.deep({ secret })).toEqual({ secret });
  expect(off.piece({ before: "", text, after: "" })).toBe(text);
  expect(off.stream()(text)).toBe(text);
});

describe("how long it takes", () => {
  /** Best of several, because machines are noisy. */
  const bestMs = (work: () => unknown, runs = 5): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run += 1) {
      const start = performance.now();
      work();
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };

  test("100 KB of log", () => {
    const log = "[INFO] compiled src/main/foo.ts in 123 ms (9f86d081884c7d65) https://a.b/c?d=e Authorization: x; key-y\n".repeat(1000);
    expect(bestMs(() => redactor.text(log))).toBeLessThan(1000);
    expect(bestMs(() => redactor.text(log, { command: "env" }))).toBeLessThan(1000);
  });

  const hostile =
    'a|a:|://|://a:a|&token=|?key=|Authorization: |authorization:|bearer |eyJ|eyJaaaaaa.|\\neyJaaaaaa|sk-|a_token=|a_token="|a_token: |--token |-u a:|mysql -p|mysql |cookie:|cookie:a=|;password=|x-api-key: |_authToken=|$|pat|-----BEGIN |0123456789:'
      .split("|")
      .concat([
        `-----BEGIN PRIVATE${" KEY"}-----`,
        `-----END PRIVATE${" KEY"}-----`,
        `-----BEGIN PRIVATE${" KEY"}-----\nabc\n`,
        `!aaaaaaaa-----END PRIVATE${" KEY"}-----`,
        "\u001b[0m",
        "|",
      ]);
  test.each(hostile)("grows with the length and no faster: %j", (unit) => {
    const text = unit.repeat(Math.ceil(300_000 / unit.length));
    for (const work of [() => redactor.text(text), () => redactor.text(text, { command: "env" }), () => redactor.command(text)]) {
      // What grows with the square takes many seconds here, what does not, some hundredths.
      expect(bestMs(work, 1)).toBeLessThan(2000);
    }
  });
});
