#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 400
"""dmabufalloc in front of each kind of consumer that is there: producers write
into the dma-bufs (0 copies), the pixels are those of the producer alone, and
nothing is left in the kernel afterwards."""

import os
import re
import subprocess
import sys
import tempfile
import time

import gi
gi.require_version('Gst', '1.0')
gi.require_version('GstVideo', '1.0')
from gi.repository import GLib, Gst  # noqa: E402

FRAMES = 30
SIZE = 'width=640,height=480'
CAPS = f'video/x-raw,format={{}},{SIZE},framerate=30/1'
BUFINFO = '/sys/kernel/debug/dma_buf/bufinfo'
COPIES = []


def on_log(category, _level, _file, _function, _line, _object, message, *_):
    if category.get_name() != 'GST_PERFORMANCE':
        return
    text = message.get()
    if text and re.search(
            r'memcpy|frame copy|copy plane|copy Gst(Buffer|Memory)|bytes out', text):
        COPIES.append(text)


def n_dmabufs():
    with open(BUFINFO) as info:
        return int(re.search(r'Total (\d+) objects', info.read()).group(1))


def stat(element, name):
    found, value = element.get_property('stats').get_uint64(name)
    return value if found else None


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def wait(pipeline, seconds=60, kinds=Gst.MessageType.EOS):
    message = pipeline.get_bus().timed_pop_filtered(
        seconds * Gst.SECOND, Gst.MessageType.ERROR | kinds)
    check(message is not None, f'nothing happened within {seconds} s')
    if message.type == Gst.MessageType.ERROR:
        raise Failure(' / '.join(map(str, message.parse_error())))
    return message


def play(description, pause=None):
    """Runs to EOS; the pipeline stays as it is then."""
    pipeline = Gst.parse_launch(description)
    try:
        pipeline.set_state(Gst.State.PLAYING)
        if pause:
            pause(pipeline)
        wait(pipeline)
    except Exception:
        pipeline.set_state(Gst.State.NULL)
        raise
    return pipeline


def bytes_of(sample, width, height, pixel):
    """Pixels without what a line has behind them; one plane."""
    buffer = sample.get_buffer()
    ok, info = buffer.map(Gst.MapFlags.READ)
    check(ok, 'the frame cannot be mapped')
    try:
        data = bytes(info.data)
    finally:
        buffer.unmap(info)
    stride = len(data) // height
    return b''.join(data[i * stride:i * stride + width * pixel]
                    for i in range(height))


def reference(frames, fmt='BGRx'):
    """The last frame of the producer alone."""
    pipeline = play(f'videotestsrc num-buffers={frames} ! '
                    f'{CAPS.format(fmt)} ! fakesink name=sink '
                    'enable-last-sample=true')
    sample = pipeline.get_by_name('sink').get_property('last-sample')
    pipeline.set_state(Gst.State.NULL)
    return bytes_of(sample, 640, 480, 4)


def producer(rest, frames=FRAMES, fmt='BGRx', more=''):
    return (f'videotestsrc num-buffers={frames} ! {CAPS.format(fmt)} ! '
            f'dmabufalloc name=alloc copy-policy=forbid {more} ! {rest}')


def check_no_copies(pipeline, *names):
    for name in names:
        element = pipeline.get_by_name(name)
        copies = stat(element, 'copies')
        check(copies == 0, f'{name} copied {copies} frames')


# --- consumers ---------------------------------------------------------------

def own_display():
    pipeline = play(producer('dmabufkmssink name=sink'))
    check_no_copies(pipeline, 'alloc', 'sink')
    sink = pipeline.get_by_name('sink')
    shown = sink.emit('capture-frame')
    check(shown is not None, 'no frame could be captured')
    sent = sink.get_property('last-sample')
    a, b = bytes_of(shown, 640, 480, 4), bytes_of(sent, 640, 480, 4)
    pipeline.set_state(Gst.State.NULL)
    check([a[i:i + 3] for i in range(0, len(a), 4)] ==
          [b[i:i + 3] for i in range(0, len(b), 4)],
          'the display does not show what was sent')
    check(b == reference(FRAMES), 'not the frame of videotestsrc')


def upstreams_display():
    COPIES.clear()
    pipeline = play(producer('kmssink name=sink driver-name=vkms'))
    check_no_copies(pipeline, 'alloc')
    pipeline.set_state(Gst.State.NULL)
    check(not COPIES, f'copied: {COPIES[:3]}')


def video_output():
    for index in range(16):
        path = f'/dev/video{index}'
        if not os.path.exists(path):
            continue
        info = subprocess.run(['v4l2-ctl', '-d', path, '--info'],
                              capture_output=True, text=True).stdout
        caps = info.split('Device Caps', 1)[-1].split('Media', 1)[0]
        if 'vivid' in info and 'Video Output' in caps:
            # the output with picture sizes to choose from
            subprocess.run(['v4l2-ctl', '-d', path, '--set-output=1'],
                           stdout=subprocess.DEVNULL)
            return path
    raise Failure('vivid has no output node')


def v4l2_output():
    COPIES.clear()
    path = video_output()
    pipeline = play(
        f'videotestsrc num-buffers={FRAMES} ! video/x-raw,format=YUY2 ! '
        'dmabufalloc name=alloc '
        'copy-policy=forbid ! dmabuffencesync name=sync mode=wait access=read ! '
        f'v4l2sink device={path} io-mode=dmabuf-import')
    check_no_copies(pipeline, 'alloc')
    check(stat(pipeline.get_by_name('sync'), 'frames') >= FRAMES, 'few frames')
    pipeline.set_state(Gst.State.NULL)
    check(not COPIES, f'copied: {COPIES[:3]}')


def wayland():
    runtime = tempfile.mkdtemp()
    env = dict(os.environ, XDG_RUNTIME_DIR=runtime, WAYLAND_DISPLAY='lab')
    weston = subprocess.Popen(
        ['weston', '--backend=headless', '--renderer=gl', '--socket=lab',
         '--idle-time=0'], env=env, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 90
        while not os.path.exists(f'{runtime}/lab'):
            check(weston.poll() is None and time.monotonic() < end,
                  'weston did not start')
            time.sleep(.1)
        os.environ.update(XDG_RUNTIME_DIR=runtime, WAYLAND_DISPLAY='lab')
        COPIES.clear()
        pipeline = play(producer('waylandsink name=sink'))
        check_no_copies(pipeline, 'alloc')
        pipeline.set_state(Gst.State.NULL)
        check(not COPIES, f'copied: {COPIES[:3]}')
    finally:
        weston.kill()
        weston.wait()


# --- two processes -----------------------------------------------------------

CHILD = '''
import sys, gi
gi.require_version('Gst', '1.0')
from gi.repository import Gst
Gst.init(None)
p = Gst.parse_launch(sys.argv[1])
p.set_state(Gst.State.PLAYING)
m = p.get_bus().timed_pop_filtered(
    90 * Gst.SECOND, Gst.MessageType.ERROR | Gst.MessageType.EOS)
sink = p.get_by_name('sink')
s = sink.get_property('stats') if sink else None
print('stats', s.to_string() if s else '', flush=True)
p.set_state(Gst.State.NULL)
sys.exit(0 if m and m.type == Gst.MessageType.EOS else 1)
'''


def child(description):
    return subprocess.Popen([sys.executable, '-c', CHILD, description],
                            stdout=subprocess.PIPE, text=True)


def two_processes():
    path = tempfile.mktemp()
    sender = child(
        f'videotestsrc num-buffers=450 is-live=true ! {CAPS.format("BGRx")} ! '
        f'dmabufalloc copy-policy=forbid max-buffers=4 ! '
        f'unixfdsink socket-path={path} sync=true')
    end = time.monotonic() + 30
    while not os.path.exists(path):
        check(time.monotonic() < end, 'the sender does not start')
        time.sleep(.05)
    receiver = child(f'unixfdsrc socket-path={path} ! '
                     'dmabufkmssink name=sink sync=false')
    out, _ = receiver.communicate(timeout=120)
    sender.wait(timeout=60)
    check(receiver.returncode == 0, f'the receiver failed: {out}')
    fields = dict(re.findall(r'([\w-]+)=\(\w+\)(\d+)', out))
    check(int(fields['copies']) == 0, 'the receiver copied')
    check(int(fields['frames']) >= 20, f'few frames: {out}')
    # every frame is a new fd, but there are four buffers
    check(int(fields['imports']) <= 6, f'{fields["imports"]} imports')


def a_process_dies():
    for victim in 'sender', 'receiver':
        before = n_dmabufs()
        path = tempfile.mktemp()
        sender = child(f'videotestsrc is-live=true ! {CAPS.format("BGRx")} ! '
                       'dmabufalloc copy-policy=forbid max-buffers=4 ! '
                       f'unixfdsink socket-path={path} sync=true')
        while not os.path.exists(path):
            time.sleep(.05)
        receiver = child(f'unixfdsrc socket-path={path} ! '
                         'dmabufkmssink name=sink sync=false')
        time.sleep(6)
        check(n_dmabufs() > before, 'nothing is under way')
        (sender if victim == 'sender' else receiver).kill()
        time.sleep(2)
        for process in sender, receiver:
            process.kill()
            process.wait()
        end = time.monotonic() + 10
        while n_dmabufs() > before:
            check(time.monotonic() < end,
                  f'{n_dmabufs() - before} dma-bufs left after the {victim} '
                  'died')
            time.sleep(.1)


# --- several consumers, and changes ------------------------------------------

def tee():
    COPIES.clear()
    pipeline = play(
        producer('tee name=t t. ! queue ! dmabufkmssink name=sink '
                 't. ! queue ! fakesink name=other enable-last-sample=true'))
    check_no_copies(pipeline, 'alloc', 'sink')
    a = pipeline.get_by_name('sink').get_property('last-sample')
    b = pipeline.get_by_name('other').get_property('last-sample')
    check(a.get_buffer().peek_memory(0) == b.get_buffer().peek_memory(0),
          'the branches have two storages')
    check(bytes_of(b, 640, 480, 4) == reference(FRAMES), 'wrong pixels')
    pipeline.set_state(Gst.State.NULL)


def caps_change():
    pipeline = Gst.parse_launch(
        'videotestsrc is-live=true ! capsfilter name=caps '
        f'caps={CAPS.format("BGRx")} ! dmabufalloc name=alloc '
        'copy-policy=forbid ! tee name=t allow-not-linked=true ! queue ! '
        'fakesink name=sink sync=false')
    try:
        pipeline.set_state(Gst.State.PLAYING)
        time.sleep(2)
        for size in (320, 240), (800, 600), (640, 480):
            pipeline.get_by_name('caps').set_property('caps', Gst.Caps(
                f'video/x-raw,format=BGRx,width={size[0]},height={size[1]},'
                'framerate=30/1'))
            end = time.monotonic() + 20
            while True:
                sample = pipeline.get_by_name('sink').get_property(
                    'last-sample')
                got = sample and sample.get_caps()[0]['width']
                if got == size[0]:
                    break
                check(time.monotonic() < end, f'stuck at {got}')
                time.sleep(.1)

        # a new consumer while frames flow
        before = stat(pipeline.get_by_name('alloc'), 'frames')
        queue = Gst.ElementFactory.make('queue')
        sink = Gst.ElementFactory.make('dmabufkmssink')
        for element in queue, sink:
            pipeline.add(element)
        queue.link(sink)
        sink.sync_state_with_parent()
        queue.sync_state_with_parent()
        pipeline.get_by_name('t').link(queue)
        end = time.monotonic() + 20
        while stat(sink, 'frames') < 10:
            message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
            check(message is None, message and message.parse_error())
            check(time.monotonic() < end, 'the new consumer gets nothing')
            time.sleep(.1)
        check(stat(sink, 'copies') == 0, 'the new consumer copies')
        check(stat(pipeline.get_by_name('alloc'), 'frames') > before, 'stuck')
        check_no_copies(pipeline, 'alloc')
    finally:
        pipeline.set_state(Gst.State.NULL)


def decoder():
    with tempfile.NamedTemporaryFile(suffix='.avi') as film:
        play(f'videotestsrc num-buffers={FRAMES} ! {CAPS.format("I420")} ! '
             f'jpegenc ! avimux ! filesink location={film.name}'
             ).set_state(Gst.State.NULL)
        pipeline = play(
            f'filesrc location={film.name} ! decodebin ! '
            'dmabufalloc name=alloc copy-policy=allow ! dmabufkmssink '
            'name=sink sync=false')
        frames, copies = (stat(pipeline.get_by_name('alloc'), name)
                          for name in ('frames', 'copies'))
        again = stat(pipeline.get_by_name('sink'), 'copies')
        pipeline.set_state(Gst.State.NULL)
        check(frames == FRAMES, f'{frames} frames')
        check(copies == 0, f'{copies} of {frames} frames copied')
        check(again == 0, 'the sink copied')


def names_in_bufinfo():
    seen = []

    def look(_pipeline):
        time.sleep(1)
        with open(BUFINFO) as info:
            seen.append(info.read())

    play(producer('fakesink sync=true', frames=60, more='name-prefix=labtest'),
         look).set_state(Gst.State.NULL)
    check('labtest-0' in seen[0], 'the name is not in bufinfo')


def brackets():
    """CPU access behind our source goes through our brackets, counted."""
    gi.require_version('GstDmabufCore', '1.0')
    from gi.repository import GstDmabufCore
    before = GstDmabufCore.memory_get_cpu_maps()
    pipeline = play(f'dmabufv4l2src num-buffers={FRAMES} ! '
                    'video/x-raw,format=YUY2 ! videoconvert ! '
                    'video/x-raw,format=BGRx ! fakesink')
    pipeline.set_state(Gst.State.NULL)
    maps = GstDmabufCore.memory_get_cpu_maps() - before
    check(maps >= FRAMES, f'{maps} CPU maps for {FRAMES} frames')


def main():
    Gst.init(None)
    Gst.debug_set_active(True)
    Gst.debug_set_threshold_from_string('GST_PERFORMANCE:5', True)
    Gst.debug_remove_log_function(None)
    Gst.debug_add_log_function(on_log)

    cases = [own_display, upstreams_display, v4l2_output, wayland,
             two_processes, a_process_dies, tee, caps_change, decoder,
             names_in_bufinfo, brackets]
    wanted = sys.argv[1:]
    failed = 0
    for case in cases:
        if wanted and case.__name__ not in wanted:
            continue
        before = n_dmabufs()
        try:
            case()
            end = time.monotonic() + 5
            while n_dmabufs() > before and time.monotonic() < end:
                time.sleep(.1)
            check(n_dmabufs() <= before,
                  f'{n_dmabufs() - before} dma-bufs are left')
            print('ok', case.__name__, flush=True)
        except (Failure, GLib.Error, subprocess.TimeoutExpired) as failure:
            failed += 1
            print(f'not ok {case.__name__}\n    {failure}', flush=True)
    sys.exit(f'{failed} failed' if failed else 0)


if __name__ == '__main__':
    main()
