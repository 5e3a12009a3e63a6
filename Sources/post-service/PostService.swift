// SPDX-License-Identifier: Apache-2.0

@main
struct PostServiceMain {
    static func main() {}
}
