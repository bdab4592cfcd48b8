# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions for all cases: pipelines, their statistics, and the kernel's counts
of fds and dma-bufs. A check that fails ends the case by sys.exit ()."""

import os
import re
import sys
import time

import gi
gi.require_version('Gst', '1.0')
from gi.repository import GLib, Gst  # noqa: E402

# Seconds after which a wait counts as a hang. No case depends on a duration, so
# this is long enough for the slowest machine.
PATIENCE = 100

BUFINFO = '/sys/kernel/debug/dma_buf/bufinfo'


def is_long():
    """Whether this is ./run test --long"""
    return 'DMABUF_TEST_LONG' in os.environ


def check(condition, what):
    if not condition:
        sys.exit(what)


# --- open files --------------------------------------------------------------

def n_dmabufs():
    with open(BUFINFO) as bufinfo:
        return int(re.search(r'Total (\d+) objects', bufinfo.read())[1])


def n_fds():
    return len(os.listdir('/proc/self/fd'))


class OpenFiles:
    """Checks that all fds and dma-bufs that were opened since are closed."""

    def __init__(self):
        self.fds = n_fds()
        self.dmabufs = n_dmabufs()

    def check(self, what):
        """Waits for both counts: the kernel may release a file in a thread of
        its own after close (), and sends no event for that."""
        until(lambda: n_fds() <= self.fds and n_dmabufs() <= self.dmabufs,
              lambda: '\n'.join(self.links()) + f'\n{what}: the end of '
              f'{n_fds() - self.fds} fds and {n_dmabufs() - self.dmabufs} '
              'dma-bufs')

    @staticmethod
    def links():
        return [os.readlink(f'/proc/self/fd/{fd}')
                for fd in os.listdir('/proc/self/fd')
                if os.path.lexists(f'/proc/self/fd/{fd}')]


# --- pipelines ---------------------------------------------------------------

def wait(pipeline, types, seconds=PATIENCE):
    message = pipeline.get_bus().timed_pop_filtered(
        seconds * Gst.SECOND, types | Gst.MessageType.ERROR)
    if message is None:
        sys.exit(f'no message within {seconds} s')
    return message


def text_of(message):
    """The text of an error or a warning"""
    return ' / '.join(map(str, message.parse_error()
                          if message.type == Gst.MessageType.ERROR
                          else message.parse_warning()))


def run(pipeline, warnings=True):
    """Plays to EOS, and leaves the pipeline in PLAYING. Without @warnings a
    warning ends the case like an error."""
    types = Gst.MessageType.EOS
    if not warnings:
        types |= Gst.MessageType.WARNING
    pipeline.set_state(Gst.State.PLAYING)
    message = wait(pipeline, types)
    if message.type != Gst.MessageType.EOS:
        sys.exit(text_of(message))


class Pipeline:
    """In a with statement: parsed, and in state NULL at its end."""

    def __init__(self, description):
        self.description = description

    def __enter__(self):
        self.pipeline = Gst.parse_launch(self.description)
        return self.pipeline

    def __exit__(self, *_):
        stop(self.pipeline)


def stop(pipeline):
    """Sets the state NULL; a hang is left to the timeout of the case."""
    pipeline.set_state(Gst.State.NULL)


def stat(element, name):
    stats = element.get_property('stats')
    check(stats.has_field(name), f'no {name} in the stats')
    return stats.get_value(name)


def check_stats(pipeline, name, **expected):
    """For example: check_stats (pipeline, 'sink', frames=10, cpu_waits=0)"""
    element = pipeline.get_by_name(name)
    found = {key: stat(element, key.replace('_', '-')) for key in expected}
    check(found == expected, f'stats of {name}: {found}, not {expected}')


def until(condition, what, seconds=PATIENCE, pipeline=None):
    """Waits for a @condition that has no event: of another process, the kernel,
    or statistics. An error of @pipeline ends the wait. @what, a text or a
    function that returns one, names the condition if it is never met."""
    end = time.monotonic() + seconds
    while not condition():
        message = pipeline and pipeline.get_bus().pop_filtered(
            Gst.MessageType.ERROR)
        if message:
            sys.exit(text_of(message))
        if time.monotonic() > end:
            sys.exit(f'{what() if callable(what) else what} '
                     f'not within {seconds} s')
        GLib.usleep(10000)


class UpstreamCopies:
    """In a with statement: at its end, upstream's elements have copied nothing.
    They report copies only in the debug category GST_PERFORMANCE."""

    WORDS = re.compile(
        r'memcpy|frame copy|copy plane|copy Gst(Buffer|Memory)|bytes out')

    def on_log(self, category, _level, _file, _function, _line, _object,
               message, *_):
        text = message.get()
        if category.get_name() == 'GST_PERFORMANCE' and text \
                and self.WORDS.search(text):
            self.seen.append(text)

    def __enter__(self):
        self.seen = []
        Gst.debug_set_active(True)
        Gst.debug_set_threshold_from_string('GST_PERFORMANCE:5', False)
        Gst.debug_remove_log_function(None)
        Gst.debug_add_log_function(self.on_log)
        return self

    def __exit__(self, kind, *_):
        Gst.debug_remove_log_function(self.on_log)
        check(kind or not self.seen,
              f'{len(self.seen)} copies: {self.seen[:3]}')


def run_each(*cases):
    """Runs the functions, or those of them that the command line names. Each
    must release its dma-bufs. After a failure the others run all the same."""
    Gst.init(None)
    failed = 0
    for case in cases:
        if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
            continue
        begin, before = time.monotonic(), n_dmabufs()
        try:
            case()
            until(lambda: n_dmabufs() <= before, lambda:
                  f'the end of {n_dmabufs() - before} dma-bufs')
        except (SystemExit, GLib.Error) as failure:
            failed += 1
            print(f'not ok {case.__name__}\n    {failure}', flush=True)
        else:
            print(f'ok {case.__name__} ({time.monotonic() - begin:.1f} s)',
                  flush=True)
    sys.exit(f'{failed} failed' if failed else 0)
