# Completion of stint for fish. What could stand somewhere is for `stint _complete` to say, which reads
# the line by the tables of the parser and asks the instance, if one runs; it starts none.

function __stint_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l lines (STINT_AUTOSTART=0 $program _complete -- $words "$typed" 2>/dev/null)
    set -l kept (string match -r -- '^--[^=]*=' $typed)
    switch "$lines[1]"
        case files
            printf "$kept%s\n" (__fish_complete_path (string replace -r -- '^--[^=]*=' '' $typed))
        case directories
            printf "$kept%s\n" (__fish_complete_directories (string replace -r -- '^--[^=]*=' '' $typed))
        case 'command *'
            set -l first (math (string replace 'command ' '' $lines[1]) + 1)
            complete -C (string join ' ' -- (string escape -- $words[$first..]) $typed)
    end
    set -e lines[1]
    printf '%s\n' $lines
end

complete -c stint -f -k -a '(__stint_complete)'
