# shellcheck shell=bash
# Progress for scripts; source it. On a terminal a bar is redrawn in place; elsewhere (a log, CI) there
# are plain lines, one when something starts, one when it ends, and a sign of life every half minute.
#
#   progress_bar DONE TOTAL TEXT    draws one state
#   progress_end TEXT               ends the bar with a line that stays
#   progress_run TITLE LOG COMMAND  runs the command with its output in LOG, shows how far it is
#                                   (from "[3/40]" as ninja prints, or apt's status lines), returns
#                                   its status, and shows the end of LOG when it failed

progress_terminal=false
if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then
    progress_terminal=true
fi

# Cuts a text to the width of the terminal, so that redrawing stays on one line.
progress_draw() {
    local width
    width=$(tput cols 2>/dev/null || echo 80)
    printf '\r\033[K%s' "${1:0:width-1}" >&2
}

progress_bar() {
    local done=$1 total=$2 text=$3 width=24 filled bar rest
    $progress_terminal || return 0
    [ "$total" -gt 0 ] || total=1
    filled=$((done * width / total))
    [ "$filled" -le "$width" ] || filled=$width
    printf -v bar '%*s' "$filled" ''
    printf -v rest '%*s' $((width - filled)) ''
    progress_draw "[${bar// /#}${rest// /.}] $text"
}

progress_end() {
    if $progress_terminal; then
        printf '\r\033[K%s\n' "$1" >&2
    else
        printf '%s\n' "$1" >&2
    fi
}

# Hundredths done according to the end of a log, or nothing when it does not say.
progress_of_log() {
    tail -c 4000 "$1" 2>/dev/null | tr '\r' '\n' | awk '
        match($0, /^\[[0-9]+\/[0-9]+\]/) {
            split(substr($0, 2, RLENGTH - 2), part, "/")
            if (part[2] > 0) { percent = int(part[1] * 100 / part[2]) }
        }
        /^(dl|pm)status:/ { split($0, part, ":"); percent = int(part[3]) }
        END { if (percent != "") { print percent } }'
}

progress_run() {
    local title=$1 log=$2 pid percent status=0 start=$SECONDS shown=0 took traps
    shift 2
    $progress_terminal || printf '%s ...\n' "$title" >&2
    : >"$log"
    "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    # A background command does not hear Ctrl-C by itself.
    traps=$(trap -p INT TERM)
    trap 'kill "$pid" 2>/dev/null; progress_end "$title: stopped"; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        took=$((SECONDS - start))
        if $progress_terminal; then
            percent=$(progress_of_log "$log")
            # Without a measure the bar walks, so that it is seen to live.
            progress_bar "${percent:-$((took * 7 % 100))}" 100 "$title ${percent:+$percent% }(${took} s)"
        elif [ $((took - shown)) -ge 30 ]; then
            shown=$took
            printf '%s ... %d s\n' "$title" "$took" >&2
        fi
        sleep 0.2
    done
    wait "$pid" || status=$?
    trap - INT TERM
    eval "$traps"
    took=$((SECONDS - start))
    if [ "$status" -eq 0 ]; then
        progress_end "$title: done (${took} s)"
    else
        progress_end "$title: FAILED (${took} s). The end of $log:"
        tail -n 60 "$log" | sed 's/^/    /' >&2
    fi
    return "$status"
}
