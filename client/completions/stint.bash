# Completion of stint for bash. What could stand somewhere is for `stint _complete` to say, which reads
# the line by the tables of the parser and asks the instance, if one runs; it starts none.

# Splits COMP_LINE up to the cursor into words as the shell does: bash also splits at : and =, which
# are parts of our words. Sets words, and starts: where each begins in COMP_WORDS.
_stint_words() {
        local rest=${COMP_LINE:0:COMP_POINT} i piece trimmed
        words=() starts=()
        for ((i = 0; i <= COMP_CWORD; i++)); do
                trimmed=${rest#"${rest%%[![:space:]]*}"}
                piece=${COMP_WORDS[i]}
                ((i < COMP_CWORD)) || piece=$trimmed
                if ((i > 0)) && [[ -n $rest && $trimmed == "$rest" ]]; then
                        words[-1]+=$piece
                else
                        words+=("$piece")
                        starts+=("$i")
                fi
                rest=${trimmed#"$piece"}
        done
        typed=$piece
        [[ $typed != [:=] ]] || typed=
}

# What the shell knows better: files, directories, another command's line.
_stint_shell() {
        case $1 in
        files) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$typed") ;;
        directories) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "$typed") ;;
        command*)
                local first=${1#command }
                if declare -F _command_offset >/dev/null; then
                        _command_offset "${starts[first + 1]}"
                elif ((first + 2 == ${#words[@]})); then
                        mapfile -t COMPREPLY < <(compgen -c -- "$typed")
                else
                        compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$typed")
                fi
                ;;
        esac
}

_stint() {
        local words starts typed program lines line value width=0
        _stint_words
        program=$(type -P -- "${1/#\~/$HOME}") || program=stint
        mapfile -t lines < <(
                STINT_AUTOSTART=0 "$program" _complete -- "${words[@]:1}" 2>/dev/null
        )
        COMPREPLY=()
        ((${#lines[@]})) || return 0
        _stint_shell "${lines[0]}"
        lines=("${lines[@]:1}")
        compopt -o nosort 2>/dev/null
        for line in "${lines[@]}"; do
                value=${line%%$'\t'*}
                ((${#value} <= width)) || width=${#value}
        done
        for line in "${lines[@]}"; do
                value=${line%%$'\t'*}
                value=${value#"${words[-1]%"$typed"}"}
                if [[ $COMP_TYPE == 63 && ${#lines[@]} -gt 1 && $line == *$'\t'?* ]]; then
                        printf -v value '%-*s  (%s)' "$width" "$value" "${line#*$'\t'}"
                else
                        [[ $value != *[:=] ]] || compopt -o nospace
                        printf -v value %q "$value"
                fi
                COMPREPLY+=("$value")
        done
}

complete -F _stint stint
