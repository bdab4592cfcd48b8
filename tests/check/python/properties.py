#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gst-inspect-1.0 says of each element: every property of its own with its
range, its default and a sentence; those that the elements share are the same
everywhere."""

import re
import subprocess
import sys

try:
    import gi
    gi.require_version('Gst', '1.0')
    from gi.repository import Gst
except (ImportError, ValueError) as missing:
    print(f'python3-gi or GStreamer\'s typelib is missing: {missing}')
    sys.exit(77)

PLUGINS = ('dmabufcore', 'dmabufv4l2', 'dmabufkms', 'dmabufvulkan')
SHARED = ('copy-policy', 'fence-timeout', 'stats')


def blocks(element):
    """The text about each property."""
    text = subprocess.run(['gst-inspect-1.0', '--no-colors', element],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    found, name = {}, None
    for line in text.split('Element Properties:')[-1].splitlines():
        start = re.match(r'  ([a-z][a-z0-9-]*) +: (.*)', line)
        if start:
            name = start.group(1)
        elif line and not line.startswith(' '):
            name = None
        if name:
            found.setdefault(name, []).append(line)
    return {name: '\n'.join(lines) for name, lines in found.items()}


def wrong(spec, text):
    """What is missing of a property."""
    if len(spec.blurb.split()) < 2 or spec.blurb[0].islower():
        return f'no sentence: {spec.blurb}'
    if text is None:
        return 'not shown'
    if 'Default:' not in text and 'Boxed' not in text:
        return f'no default:\n{text}'
    if re.search(r'\b(Unsigned )?(Integer|Integer64|Float|Double)\b', text) \
            and 'Range:' not in text:
        return f'no range:\n{text}'
    return None


def main():
    Gst.init(None)
    failures, n, shared = [], 0, {}
    for plugin in PLUGINS:
        for feature in Gst.Registry.get().get_feature_list_by_plugin(plugin):
            if not isinstance(feature, Gst.ElementFactory):
                continue
            name = feature.get_name()
            texts = blocks(name)
            for spec in feature.load().create(None).list_properties():
                if not spec.owner_type.name.startswith('GstDmabuf'):
                    continue
                n += 1
                problem = wrong(spec, texts.get(spec.name))
                if problem:
                    failures.append(f'{name}: {spec.name}: {problem}')
                if spec.name in SHARED:
                    shared.setdefault(spec.name, set()).add(
                        (spec.nick, spec.blurb if spec.name != 'stats' else ''))
    for name, said in shared.items():
        if len(said) > 1:
            failures.append(f'{name} is said in {len(said)} ways: {said}')
    if n < 20:
        failures.append(f'only {n} properties were found')
    print('\n'.join(failures) or f'{n} properties')
    return bool(failures)


if __name__ == '__main__':
    sys.exit(main())
