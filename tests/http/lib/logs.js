// logs.js - which lines of a run's log files nobody expects.
// Each line has to be one of these: whatever is new in a log is looked at once.

const EXPECTED = [
  /^$/,
  // The programs, when all is well. Refusals are the client's doing.
  /^(debug|info) at=[a-z.]+( |$)/,
  // Access logs. (Apache's threads share a second's time as text, and one may read it half written.)
  /^\S+ \S+ \S+ (\[[^\]]+\])? ".*" \d+ \S+( "|$)/,
  // lighttpd begins and ends; not every machine lets it have more descriptors.
  /\(server\.c\.\d+\) (server started|server stopped|setrlimit\(\)|can't have more connections than fds)/,
  // Apache begins and ends, and tells of clients that have gone.
  /AH00489: |AH00094: Command line|AH00491: caught SIGTERM/,
  /mod_fcgid: ap_pass_brigade failed in handle_request_ipc function/,
  // Redis begins and ends; `.`, `-` and `*` are its lower levels.
  /^\d+:[A-Z] [^#]* [.*-] /,
  /^\d+:[A-Z] .* # (oO0|(Redis|Valkey) version|Configuration loaded|Server initialized|WARNING Memory overcommit|Warning: no config|User requested shutdown|(Redis|Valkey) is now ready to exit)/,
  /^\d+:signal-handler \(\d+\) Received SIGTERM/,
];

/** What the web servers say of programs that were killed, perhaps in a request: lighttpd 1.4.69, and 1.4.79 in other words. */
export const KILLED = [
  /\(gw_backend\.c\.\d+\) (child signalled: 9|connect(\(\))? .*: Connection refused|(\w+( connection)?; )?response (already sent out|not received), .*|all handlers for .* are down\.|backend (error|is overloaded); we'll disable .*|establishing connection failed: .*|gw-server re-enabled: .*)/,
  /\(http-header-glue\.c\.\d+\) read\(\) .*: Connection reset by peer/,
  /\((mod_fastcgi|gw_backend)\.c\.\d+\) unexpected end-of-file/,
  /mod_fcgid: (error reading data(, FastCGI server closed connection| from FastCGI server)|cleanup zombie process)/,
  /mod_fcgid: process .* exit\(communication error\), get unexpected signal 9/,
  /End of script output before headers: (signal|stream)\.fcgi/,
];

/** What they may say besides, once they were told to stop. */
export const AT_STOP = [
  // Apache's child closes the sockets and frees the pools under its workers; one was still
  // at work. Our programs are not in that process.
  /AH0309[23]: process_(lingering_close|socket): apr_pollset_add failure|AH00468: error closing socket/,
  /AH00052: child pid \d+ exit signal Segmentation fault/,
  // mod_fcgid's process manager was at work, as after a program's death, and ends at its next step.
  /mod_fcgid: server is restarted, pid \d+ must exit/,
];

const TOKEN = /token=|eyJ[\w-]{8,}\.|Bearer [\w-]{8,}/i;

/** @param {RegExp[]} allowed  what this test provokes besides */
export function unexpected(text, allowed) {
  const patterns = [...EXPECTED, ...allowed];
  return text.split('\n').filter((line) => TOKEN.test(line) || !patterns.some((pattern) => pattern.test(line)));
}
