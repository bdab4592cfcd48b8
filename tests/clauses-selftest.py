#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What clauses.py finds, in small trees of its own.

An id has a ~ here for its hyphen, as clauses.py looks at this file too.
"""

import contextlib
import io
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import clauses  # noqa: E402

HEAD = '''# The contract

## Export

| clause | what it says | source | kept in |
|---|---|---|---|
'''
EXP_1 = ('| <a id="exp~1"></a>EXP~1 | A clause. | `dma-buf.c` '
         '| `libdmabufcore/a.c` |\n')
SF_2 = EXP_1.replace('exp~1', 'sf~2').replace('EXP~1', 'SF~2')
KERNEL = ('| <a id="map~4"></a>MAP~4 | A clause. | `dma-buf.c` '
          '| only a kernel: it has pages |\n')

WELL = {
    'docs/contract.md': HEAD + EXP_1,
    'libdmabufcore/a.c': '/* Refuses it (EXP~1). */\n',
    'tests/check/a.c': '/* EXP~1: it is refused. */\n'
                       'GST_START_TEST (test_refused)\n{\n}\nGST_END_TEST;\n',
}


def run(**changes):
    """What clauses.py says of WELL with changes: a__b is the file a/b.c"""
    tree = dict(WELL)
    for name, text in changes.items():
        name = name.replace('__', '/')
        if name == 'contract':
            name = 'docs/contract.md'
        tree[name if '.' in name else name + '.c'] = text
    with tempfile.TemporaryDirectory() as top:
        for path, text in tree.items():
            path = os.path.join(top, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as file:
                file.write(text.replace('~', '-'))
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = clauses.main(top)
    return status, output.getvalue()


class Clauses(unittest.TestCase):
    def well(self, **changes):
        status, output = run(**changes)
        self.assertEqual(status, 0, output)
        return output

    def fails(self, *said, **changes):
        status, output = run(**changes)
        self.assertEqual(status, 1, output)
        for line in said:
            self.assertIn(line.replace('~', '-'), output)

    def test_well(self):
        self.assertIn('1 clauses, 0 without a test', self.well())

    def test_citation_of_no_clause(self):
        self.fails('libdmabufcore/b.c:2: EXP~9 is no clause',
                   libdmabufcore__b='\n/* (EXP~9) */\n')
        self.fails('libdmabufcore/b.c:1: EXP~3 is no clause',
                   libdmabufcore__b='/* EXP~1 … EXP~3 */\n')
        for prefix in ('EPX', 'EXPP', 'XP', 'EXQ'):
            text = f'/* ({prefix}~1) */\n'
            if prefix == 'XP':
                self.well(gst__b=text)
            else:
                self.fails('is EXP~1 meant?', gst__b=text)

    def test_words_with_numbers(self):
        for word in ('UTF~8', 'ISO~8859', 'H~264', 'BT~601', 'CVE~2026~46209',
                     'RFC~2119', 'EXT~4', 'PROP_EXP~1', 'EXP1'):
            self.well(gst__b=f'/* {word} */\n')

    def test_cited_nowhere(self):
        self.fails('docs/contract.md:8: neither code nor tests cite SF~2',
                   'docs/contract.md:8: no test pins SF~2',
                   contract=HEAD + EXP_1 + SF_2)

    def test_keeper(self):
        self.fails('docs/contract.md:7: libdmabufcore/gone.c, which keeps',
                   contract=HEAD + EXP_1.replace('a.c', 'gone.c'))
        self.fails('docs/contract.md:7: no file keeps EXP~1',
                   contract=HEAD + EXP_1.replace('`libdmabufcore/a.c`', '?'))

    def test_rows(self):
        self.fails('docs/contract.md:7: not a row',
                   contract=HEAD + EXP_1.replace('| `dma-buf.c` ', ''))
        self.fails('docs/contract.md:7: the anchor of EXP~1 is exp~2',
                   contract=HEAD + EXP_1.replace('exp~1', 'exp~2'))
        self.fails('docs/contract.md:8: EXP~1 is in line 7 already',
                   contract=HEAD + EXP_1 + EXP_1)
        self.fails('docs/contract.md:1: no clauses', contract='')

    def test_kernel_only(self):
        self.assertIn('only a kernel: it has pages',
                      self.well(contract=HEAD + EXP_1 + KERNEL))
        self.fails('docs/contract.md:8: MAP~4 has a test',
                   contract=HEAD + EXP_1 + KERNEL,
                   tests__check__b='/* MAP~4 */\nGST_START_TEST (test_b)\n')

    def test_pins(self):
        begin, end = 'GST_START_TEST (test_a)\n{\n', '}\nGST_END_TEST;\n'
        for text in ('/* EXP~1 */\n' + begin + end,
                     '/* It is made. EXP~1, here: refused. */\n' + begin + end,
                     begin + '  /* EXP~1: refused */\n' + end,
                     '/* This is told, and refused as well, which is\n'
                     ' * seen. EXP~1: and so on. */\n' + begin + end,
                     'GST_START_TEST (test_exp1_refused)\n{\n' + end):
            self.well(tests__check__a=text)
        for text in ('/* It is refused (EXP~1). */\n' + begin + end,
                     '/* What EXP~1 says. */\n' + begin + end,
                     '/* EXP~1: a helper */\nstatic int help;\n' + begin + end,
                     begin + end + '/* EXP~1: a helper */\n'):
            self.fails('no test pins EXP~1', tests__check__a=text)
        self.fails('tests/check/b.c:1: EXP~7 is no clause',
                   tests__check__b='GST_START_TEST (test_exp7_b)\n')

    def test_scripts(self):
        none = 'GST_START_TEST (test_a)\n'
        licence = 'SPDX-License-Identifier: LGPL-2.1-or-later'
        for name, text in (
                ('fuzz/a.c', f'/* {licence} */\n\n/* {{}} */\n'),
                ('lab/cases/a.sh', f'#!/bin/sh\n# {licence}\n#\n# {{}}\n'),
                ('lab/cases/a.py', f'#!/bin/env python3\n# {licence}\n'
                                   '# boot: gpu\n"""{}"""\nimport os\n')):
            name = f'tests/{name}'
            self.well(tests__check__a=none,
                      **{name: text.format('EXP~1: all of it')})
            self.well(tests__check__a=none,
                      **{name: text.format('It is.\n# EXP~1: all of it')})
            self.fails('no test pins EXP~1', tests__check__a=none,
                       **{name: text.format('It has EXP~1.')})
        self.fails('no test pins EXP~1', tests__check__a=none, **{
            'tests/fuzz/a.c': f'/* {licence} */\n/* All. */\n'
                              'int a;\n/* EXP~1: a helper */\n',
            'tests/lab/cases/a.py': '"""All."""\n# EXP~1: a helper\n',
            'tests/lab/cases/a.sh': '# All\n\n# EXP~1: a helper\n'})


if __name__ == '__main__':
    unittest.main()
