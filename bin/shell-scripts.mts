/** Scripts for shells: each hands the words so far to `brine completion words`. `:files` among the answers stands for names of files. */

const bash = String.raw`# Completion of brine for bash: source <(brine completion bash)
_brine() {
  local line=${'${COMP_LINE:0:COMP_POINT}'} word prefix
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local current=${'${words[-1]}'}
  # The shell parts words at colons and equals signs, too, and replaces only what is behind the last one.
  prefix=${'${current%"${current##*[:=]}"}'}
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    if [[ $word == :files ]]; then
      compopt -o filenames 2> /dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${'${current##*=}'}")
    else
      COMPREPLY+=("${'${word#"$prefix"}'}")
    fi
  done < <("$1" completion words -- "${'${words[@]:1}'}" 2> /dev/null)
}
complete -F _brine brine
`

const zsh = String.raw`#compdef brine
# Completion of brine for zsh: source <(brine completion zsh), or a file _brine in a directory of fpath
_brine() {
  local word description files
  local -a found
  while IFS=$'\t' read -r word description; do
    if [[ $word == :files ]]; then
      files=yes
    else
      found+=("${'${word//:/\\\\:}'}${'${description:+:$description}'}")
    fi
  done < <("${'${(Q)words[1]}'}" completion words -- "${'${(@Q)words[2,CURRENT]}'}" 2> /dev/null)
  [[ -n $files ]] && _files
  (( ${'${#found}'} )) && _describe brine found
}
if [[ ${'${funcstack[1]}'} == _brine ]]; then _brine "$@"; else compdef _brine brine; fi
`

const fish = String.raw`# Completion of brine for fish: brine completion fish > ~/.config/fish/completions/brine.fish
function __brine_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test (count $current) -eq 0; and set current ''
    for line in ($words[1] completion words -- $words[2..-1] $current 2> /dev/null)
        if test "$line" = :files
            __fish_complete_path $current
        else
            echo $line
        end
    end
end
complete -c brine -f -a '(__brine_complete)'
`

/** Shell → the script that is to be sourced in it. */
export const SHELL_SCRIPTS = { bash, zsh, fish } as const
