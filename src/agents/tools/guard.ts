/**
 * How a command tries to outlive its own shell, or null. Such a process would run where nothing knows its output or its end. Only what
 * stands at the level of the command line is looked at: quoted text is data.
 */
export function detachingTrick(command: string): string | null {
  const bare = command.replace(/\\./gs, "").replace(/'[^']*'|"[^"]*"/g, "q");
  const word = /(?:^|[;&|(]\s*)(nohup|setsid|disown)\b/m.exec(bare)?.[1];
  if (word !== undefined) return word;
  return /(?:^|[^&>|<])&\s*$/.test(bare) && !/\bwait\b/.test(bare) ? "a trailing &" : null;
}
