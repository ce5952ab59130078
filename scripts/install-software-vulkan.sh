#!/usr/bin/env bash
# Installs a software Vulkan driver (Mesa's llvmpipe) on Debian or Ubuntu, so that the wgpu tests run without a GPU.
set -euo pipefail
if ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' && compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null; then
    echo "a Vulkan loader and driver are already installed"
    exit 0
fi
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers libvulkan1
