/**
 * The way in which a command tries to outlive its own shell (`nohup`, `&` …), or null. Output and end of such a process would be unknown. Only the
 * command line itself is looked at: quoted text is data.
 */
export function detachingTrick(command: string): string | null {
  const bare = command.replace(/\\./gs, "").replace(/'[^']*'|"[^"]*"/g, "q");
  const word = /(?:^|[;&|(]\s*)(nohup|setsid|disown)\b/m.exec(bare)?.[1];
  if (word !== undefined) return word;
  return /(?:^|[^&>|<])&\s*$/.test(bare) && !/\bwait\b/.test(bare) ? "a trailing &" : null;
}
