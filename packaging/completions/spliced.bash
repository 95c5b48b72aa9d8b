# SPDX-License-Identifier: Apache-2.0
# bash completion for spliced
_spliced() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local options="--config --check-config --listen --metrics-listen --state-dir --recipe-dir --results-key --results-key-name --keep-jobs --keep-days --max-running-devices --resume-timeout --allow --unconfirmed-models --read-group --token-file
    --tls-cert --tls-key --tls-client-ca --tls-client-crl --tls-client --tls-min-version
    --metrics-tls-cert --metrics-tls-key --metrics-tls-client-ca --metrics-tls-client-crl
    --insecure-no-auth --bus --log-level --version --help"
  case $previous in
    --config | --results-key | --token-file | --allow | --tls-cert | --tls-key | --tls-client-ca | --tls-client-crl | --metrics-tls-*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    --state-dir | --recipe-dir) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    --read-group) mapfile -t COMPREPLY < <(compgen -g -- "$current") ;;
    --tls-min-version) mapfile -t COMPREPLY < <(compgen -W "1.2 1.3" -- "$current") ;;
    --bus) mapfile -t COMPREPLY < <(compgen -W "system session none" -- "$current") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W "error warning notice info debug" -- "$current") ;;
    --listen | --metrics-listen | --tls-client) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current") ;;
  esac
}
complete -F _spliced spliced
