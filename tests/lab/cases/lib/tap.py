# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that are counted one by one, as TAP."""

import sys


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def check(self, condition, name, *details):
        """One line; if it failed, @details below it."""
        self.count += 1
        self.failed += not condition
        print(f'{"ok" if condition else "not ok"} {self.count} {name}')
        if not condition:
            for line in details:
                print(f'    {line}')
        sys.stdout.flush()
        return bool(condition)

    def skip(self, name, reason):
        """Prints a line that the runner reports as a skipped check."""
        print(f'ok 0 {name} # SKIP {reason}', flush=True)

    def finish(self):
        print(f'1..{self.count}')
        sys.exit(f'{self.failed} failed' if self.failed else 0)
