#!/usr/bin/env bash
# Makes clip.flv, what `npm start` broadcasts: 16 s that loop without a seam, H.264 Main and AAC, well under 1 MB.
#
#   config/demo/make-clip.sh        needs ffmpeg with libx264 and drawtext, fontconfig and the DejaVu fonts
#
# 16 s is the shortest length that is a whole number of keyframe intervals (50 frames at 25 fps) and of AAC frames (1,024 samples
# at 48 kHz), so that picture and sound wrap around at the same instant. Everything that moves or sounds has a period that divides
# 16 s. An encoder begins from silence; so the sound is encoded twice as long, and the second half, whose first frame overlaps with
# a frame like the clip's last one, is what is kept.
set -euo pipefail
cd "$(dirname "$0")"

loop_s=16
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# A chime a second, higher on every fourth, over a quiet chord. The chord's frequencies are whole, hence its period is a second.
chime='0.30*exp(-7*mod(t,1))*sin(2*PI*t*if(lt(mod(t,4),1),880,660))'
chord='0.04*(sin(2*PI*220*t)+sin(2*PI*277*t)+sin(2*PI*330*t))*(0.7+0.3*cos(2*PI*t/8))'
ffmpeg -v error -y -f lavfi -i "aevalsrc=exprs='$chime+$chord':s=48000:d=$((2 * loop_s))" \
  -ac 1 -c:a aac -b:a 64k "$work/twice.aac"

# ffmpeg's colour bars, dimmed; the name and a running clock on a panel; a hand that goes round a dial every 4 s, and a bar every 16 s.
bold="fontfile=$(fc-match --format '%{file}' 'DejaVu Sans:bold')"
mono="fontfile=$(fc-match --format '%{file}' 'DejaVu Sans Mono:bold')"
regular="fontfile=$(fc-match --format '%{file}' 'DejaVu Sans')"
amber='r=255:g=176:b=0'
dial="a='90*lt(abs(hypot(X-64,Y-64)-56),1.5)'"
hand="a='255*lt(hypot(X-10.5,Y-10.5),10.5)'"
picture="
[0:v]eq=brightness=-0.06:saturation=0.75,
  drawbox=x=60:y=56:w=520:h=222:color=0x10141c@0.95:t=fill,
  drawbox=x=60:y=56:w=520:h=4:color=0xffb000:t=fill,
  drawtext=$bold:text=Tollcast:fontsize=64:fontcolor=white:x=96:y=88,
  drawtext=$regular:text='encrypted once, paid for by the second':fontsize=17:fontcolor=0xb8c0cc:x=99:y=164,
  drawtext=$mono:text='%{eif\:floor(n/25)\:d\:2}.%{eif\:mod(n,25)\:d\:2}':fontsize=58:fontcolor=0xffb000:x=96:y=202,
  drawtext=$regular:text='seconds . frames':fontsize=15:fontcolor=0x7d8794:x=296:y=234
[panel];
[panel][1:v]overlay=x=436:y=102[dial];
[dial][2:v]overlay=x='500+56*sin(2*PI*t/4)-w/2':y='166-56*cos(2*PI*t/4)-h/2':eval=frame[hand];
[hand][3:v]overlay=x='-w+w*(t+1/25)/$loop_s':y=352:eval=frame,format=yuv420p[out]"

ffmpeg -v error -y \
  -f lavfi -i "smptehdbars=size=640x360:rate=25:duration=$loop_s" \
  -f lavfi -i "color=black:size=128x128:rate=25:duration=$loop_s,format=rgba,geq=$amber:$dial" \
  -f lavfi -i "color=black:size=22x22:rate=25:duration=$loop_s,format=rgba,geq=$amber:$hand" \
  -f lavfi -i "color=0xffb000:size=640x8:rate=25:duration=$loop_s" \
  -filter_complex "$picture" -map '[out]' \
  -c:v libx264 -profile:v main -preset veryslow -crf 23 -maxrate 400k -bufsize 400k -bf 0 -g 50 -keyint_min 50 -sc_threshold 0 \
  "$work/picture.mp4"

ffmpeg -v error -y -i "$work/picture.mp4" -ss "$loop_s" -i "$work/twice.aac" -map 0:v -map 1:a -c copy -t "$loop_s" \
  -bitexact -flvflags no_duration_filesize+no_sequence_end clip.flv
ls -l clip.flv
