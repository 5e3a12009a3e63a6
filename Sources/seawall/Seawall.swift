// SPDX-License-Identifier: Apache-2.0

@main
struct SeawallMain {
    static func main() {}
}
