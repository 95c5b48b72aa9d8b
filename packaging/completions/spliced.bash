# bash completion for spliced
_spliced() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local options="--config --check-config --listen --metrics-listen --state-dir --allow --token-file --insecure-no-auth --bus
    --log-level --version --help"
  case $previous in
    --config | --token-file | --allow) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    --state-dir) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    --bus) mapfile -t COMPREPLY < <(compgen -W "system session none" -- "$current") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W "error warning notice info debug" -- "$current") ;;
    --listen | --metrics-listen) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current") ;;
  esac
}
complete -F _spliced spliced
