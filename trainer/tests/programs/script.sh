# A program for the tests: it answers as the protocol asks, unless $1 says otherwise.
# $2 is a folder of the test's: files in it tell what has happened in an earlier child.

behaviour=$1
folder=$2

reply() { printf '{"id":%s%s}\n' "$id" "$1"; }
text() { # the text field $1 of the request
    field=${line#*\"$1\":\"}
    field=${field%%\"*}
}
shape='[2,3]'
case $behaviour in
dies-at-once) exit 7 ;;
describes-other-shapes) shape='[3,2]' ;;
long-line) ;;
forks) sleep 1000 & echo $! > "$folder/grandchild" ;;
esac
echo $$ > "$folder/child"
echo started >> "$folder/starts"

while IFS= read -r line; do
    id=${line#*\"id\":}
    id=${id%%,*}
    case $line in
    *'"request":"describe"'*)
        printf '%s\n' "$line" > "$folder/describe"
        env > "$folder/environment"
        ls /proc/self/fd > "$folder/descriptors"
        pwd > "$folder/directory"
        text table
        [ -f "$field" ] && cp "$field" "$folder/rows"
        evaluates=false
        case $behaviour in evaluates*) evaluates=true ;; esac
        predicts=false
        case $behaviour in predicts*) predicts=true ;; esac
        version=1
        [ "$behaviour" = other-version ] && version=2
        reply ",\"protocol\":$version,\"evaluates\":$evaluates,\"predicts\":$predicts,\"tensors\":[{\"name\":\"b\",\"shape\":[]},{\"name\":\"a\",\"shape\":$shape}]"
        ;;
    *'"request":"evaluate"'*)
        case $behaviour in
        evaluates-nan) reply ',"metrics":{"loss":NaN}' ;;
        evaluates-much) reply ",\"metrics\":{$(seq -s, -f '"%g":1' 100)}" ;;
        *) reply ',"metrics":{"accuracy":0.75,"auc":null}' ;;
        esac
        ;;
    *'"request":"predict"'*)
        printf '%s\n' "$line" >> "$folder/predicted"
        text rows
        cp "$field" "$folder/held-out"
        # From a safetensors header, after its length, and with one as short: 0 for every row.
        rows=$(head -c 56 "$field" | LC_ALL=C tr -d '\0' | LC_ALL=C sed 's/.*"shape":\[\([0-9]*\),.*/\1/')
        text out
        [ "$behaviour" = predicts-fewer ] && rows=$((rows - 1))
        header="{\"outputs\":{\"dtype\":\"F32\",\"shape\":[$rows,1],\"data_offsets\":[0,$((4 * rows))]}}"
        case $behaviour in
        predicts-given) cp "$folder/predictions" "$field" ;;
        predicts-nothing) ;;
        *)
            printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header" > "$field"
            head -c $((4 * rows)) /dev/zero >> "$field"
            ;;
        esac
        reply ''
        ;;
    *'"request":"stop"'*)
        [ "$behaviour" = never-stops ] && sleep 1000
        echo stopped > "$folder/stopped"
        reply ''
        exit 0
        ;;
    *'"request":"train"'*)
        text model
        model=$field
        text out
        printf '%s\n' "$line" >> "$folder/trained"
        # Bad once: the second child is a good one.
        bad=$behaviour
        [ "$(wc -l < "$folder/starts")" -gt 1 ] && bad=good
        case $bad in
        junk) echo 'loss 0.3'; cp "$model" "$field"; reply '' ;;
        json-junk) echo '[1, 2]' ;;
        bytes) printf '\377\376\000\n' ;;
        other-id) id=99; cp "$model" "$field"; reply '' ;;
        twice) cp "$model" "$field"; reply ''; reply '' ;;
        long-line) head -c 300000 /dev/zero | tr '\0' x; echo; ;;
        endless) yes | tr -d '\n' ;;
        hangs) sleep 1000 ;;
        hangs-deaf) trap '' TERM INT HUP; while :; do sleep 1; done ;;
        dies-in-the-middle) echo half > "$field"; kill -9 $$ ;;
        closes-stdout) exec >&-; sleep 1000 ;;
        refuses) reply ',"error":"no rows\nat all"' ;;
        no-file) reply '' ;;
        fifo) mkfifo "$field"; reply '' ;;
        link) ln -s /dev/zero "$field"; reply '' ;;
        large) head -c 400000 /dev/zero > "$field"; reply '' ;;
        given) cp "$folder/given" "$field"; reply '' ;;
        loud) i=0; while [ $i -lt 5000 ]; do echo "line $i" >&2; i=$((i + 1)); done; cp "$model" "$field"; reply '' ;;
        *) cp "$model" "$field"; reply '' ;;
        esac
        ;;
    esac
done
[ "$behaviour" = good ] && echo ended > "$folder/ended"
