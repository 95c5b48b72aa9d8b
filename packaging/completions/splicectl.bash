# bash completion for splicectl
_splicectl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="submit run list show cancel devices capabilities" command="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ " $commands " == *" $word "* ]] && command=$word
  done
  case $previous in
    --token-file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --state)
      mapfile -t COMPREPLY < <(compgen -W "PENDING RUNNING STOPPING SUCCEEDED FAILED CANCELLED INTERRUPTED" -- "$current")
      return ;;
    --server) return ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "--server --token-file --json --help --version --state" -- "$current")
    return
  fi
  case $command in
    "") mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current") ;;
    submit | run) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    show | cancel)
      mapfile -t COMPREPLY < <(compgen -W "$(splicectl list 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$current") ;;
  esac
}
complete -F _splicectl splicectl
