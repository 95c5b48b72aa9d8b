# SPDX-License-Identifier: Apache-2.0
# bash completion for splicectl
_splicectl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="submit validate run wait events list show cancel pause resume delete devices recipes results judge check capabilities block context version" command="" word
  local options="--server --token-file --cacert --cert --key --context --json --help"
  local -a words server
  # bash takes : and = for words of their own; here an address is one word.
  read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  [[ ${COMP_LINE:COMP_POINT-1:1} != " " ]] && unset "words[-1]"  # is being typed
  local i
  for ((i = 1; i < ${#words[@]}; i++)); do
    word=${words[i]}
    case $word in
      --server | --token-file | --cacert | --cert | --key | --context) server+=("$word" "${words[i + 1]:-}") && ((i++)) ;;
      --server=* | --token-file=* | --cacert=* | --cert=* | --key=* | --context=*) server+=("$word") ;;
      *) [[ -z $command && " $commands " == *" $word "* ]] && command=$word ;;
    esac
  done
  case $previous in
    --token-file | --cacert | --cert | --key | --output | -o | --public-key) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --state)
      mapfile -t COMPREPLY < <(compgen -W "QUEUED PENDING RUNNING PAUSED STOPPING SUCCEEDED FAILED CANCELLED INTERRUPTED" -- "$current")
      return ;;
    --context | use | delete)
      if [[ $previous == --context || $command == context ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(splicectl context list 2>/dev/null | awk 'NR > 1 { print $(NF - 1) }')" -- "$current")
        return
      fi ;;
    --device)
      mapfile -t COMPREPLY < <(compgen -W "$(splicectl "${server[@]}" devices 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$current")
      return ;;
    --recipe)
      mapfile -t COMPREPLY < <(compgen -W "$(splicectl "${server[@]}" recipes 2>/dev/null | awk '{ print $1 }')" -- "$current")
      return ;;
    --server | --progress | --set | --name | --confirm | --overwrite-signatures) return ;;
  esac
  if [[ $current == -* ]]; then
    [[ -z $command ]] && options+=" --version"
    case $command in
      list) options+=" --state --device" ;;
      run) options+=" --progress --verbose --recipe --set --name --destructive --confirm --overwrite-signatures --queue" ;;
      submit | validate) options+=" --recipe --set --name --destructive --confirm --overwrite-signatures --queue" ;;
      wait) options+=" --progress --verbose" ;;
      show) options+=" --verbose" ;;
      events) options+=" --follow --verbose" ;;
      block) options+=" --length" ;;
      results) options+=" --device --output" ;;
      check) options+=" --public-key" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  case $command in
    "") mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current") ;;
    submit | validate | run | block | judge | check) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    devices)
      mapfile -t COMPREPLY < <(compgen -W "$(splicectl "${server[@]}" devices 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$current") ;;
    recipes)
      mapfile -t COMPREPLY < <(compgen -W "$(splicectl "${server[@]}" recipes 2>/dev/null | awk '{ print $1 }')" -- "$current") ;;
    context) mapfile -t COMPREPLY < <(compgen -W "list set use delete" -- "$current") ;;
    show | wait | events | results | cancel | pause | resume | delete)
      mapfile -t COMPREPLY < <(compgen -W "$(splicectl "${server[@]}" list 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$current") ;;
  esac
}
complete -F _splicectl splicectl
