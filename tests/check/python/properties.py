#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""properties.py PLUGIN…: checks the output of gst-inspect-1.0 for each element:
every property of its own has a range, a default and a sentence; properties that
several elements share have the same blurb. The element's page in docs/elements
lists the same properties with the same defaults, all fields of its statistics
and its signals."""

import os
import re
import subprocess
import sys

try:
    import gi
    gi.require_version('Gst', '1.0')
    from gi.repository import GObject, Gst
except (ImportError, ValueError) as missing:
    print(f'python3-gi or GStreamer\'s typelib is missing: {missing}')
    sys.exit(77)

SHARED = ('copy-policy', 'fence-timeout', 'stats')
DOCS = os.path.join(os.path.dirname(__file__), '../../../docs')


def blocks(element):
    """The text that gst-inspect-1.0 prints for each property."""
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
    """The fault in the description of a property, or None."""
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


def page(name):
    with open(os.path.join(DOCS, name), encoding='utf-8') as file:
        return file.read()


def rows(text):
    """The table of properties of a page: name and default of each row."""
    section = text.split('\n## Properties\n')[-1].split('\n## ')[0]
    return dict(re.findall(r'^\| `([a-z-]+)` \| ([^|]*?) *\| .*\|$', section,
                           re.M))


def common_fields():
    """The fields of all statistics, as docs/zero-copy.md lists them."""
    return re.findall(r'`([a-z-]+)`', ''.join(
        re.findall(r'^\| (`[^|]*`) \|', page('zero-copy.md'), re.M)))


def default(text):
    """The default that gst-inspect-1.0 prints, as the pages write it."""
    found = re.search(r'Default: (?:-?\d+, )?"?([^" ]*)', text)
    if not found:
        return ''
    value = found.group(1).rstrip()
    if value == 'null':
        return 'none'
    if value.isdigit() and int(value) % 10**9 == 0 and int(value):
        return f'{int(value) // 10**9} s'
    return value


def undocumented(element, texts, own):
    """The differences between an element and its page."""
    name = element.get_factory().get_name()
    text = page(f'elements/{name}.md')
    table = rows(text)
    common = common_fields()
    for spec in own:
        wanted = default(texts[spec.name])
        said = table.pop(spec.name, None)
        if said is None:
            yield f'{name}.md lacks the property {spec.name}'
            continue
        said = said.strip('`')
        if said != wanted and not (said.startswith('0x') and
                                   str(int(said, 0)) == wanted):
            yield f'{name}.md: {spec.name}: {said} instead of {wanted}'
    for extra in filter(lambda row: not element.find_property(row), table):
        yield f'{name}.md has {extra}, which the element does not have'
    stats = element.get_property('stats')
    fields = [stats.nth_field_name(i) for i in range(stats.n_fields())]
    signals = [query.signal_name for query in
               map(GObject.signal_query, GObject.signal_list_ids(element))]
    for word in fields + signals:
        if word not in common and f'`{word}`' not in text:
            yield f'{name}.md lacks {word}'


def metadata_of(factory):
    plugin = factory.get_plugin()
    return (factory.get_metadata('author'), factory.get_rank(),
            plugin.get_version(), plugin.get_license(), plugin.get_package(),
            plugin.get_origin())


def main():
    Gst.init(None)
    failures, n, shared, metadata = [], 0, {}, set()
    plugins = sys.argv[1:]
    for plugin in plugins:
        features = Gst.Registry.get().get_feature_list_by_plugin(plugin)
        if not features:
            failures.append(f'the plugin {plugin} is not found')
        for feature in features:
            if not isinstance(feature, Gst.ElementFactory):
                continue
            name = feature.get_name()
            metadata.add(metadata_of(feature))
            texts = blocks(name)
            element = feature.load().create(None)
            own = [spec for spec in element.list_properties()
                   if spec.owner_type.name.startswith('GstDmabuf')]
            failures += undocumented(element, texts, own)
            for spec in own:
                n += 1
                problem = wrong(spec, texts.get(spec.name))
                if problem:
                    failures.append(f'{name}: {spec.name}: {problem}')
                if spec.name in SHARED:
                    shared.setdefault(spec.name, set()).add(
                        (spec.nick, spec.blurb if spec.name != 'stats' else ''))
    for name, said in shared.items():
        if len(said) > 1:
            failures.append(f'{name} has {len(said)} descriptions: {said}')
    if len(metadata) > 1:
        failures.append(f'the plugins differ in their metadata: {metadata}')
    if not n or n < 5 * len(plugins):
        failures.append(f'only {n} properties were found')
    print('\n'.join(failures) or f'{n} properties')
    return bool(failures)


if __name__ == '__main__':
    sys.exit(main())
